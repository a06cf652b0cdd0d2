# Stands in for the image postgres:15, with as much of its entrypoint as docker/compose.scale.yaml uses.
ARG DEBIAN=debian:bookworm-slim
FROM ${DEBIAN}
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends postgresql-15 && \
    rm -rf /var/lib/apt/lists/* && install -d -o postgres /var/lib/postgresql/data
COPY postgres-entrypoint.sh /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
USER postgres
ENTRYPOINT ["postgres-entrypoint.sh"]
