# Stands in for an image that a machine without a registry cannot pull: a package of Debian's, its program as it is.
ARG DEBIAN=debian:bookworm-slim
FROM ${DEBIAN}
ARG PACKAGE
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends ${PACKAGE} && rm -rf /var/lib/apt/lists/*
