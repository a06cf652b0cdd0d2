# store-runner, for runs from inside the stack.
#   docker build -f docker/runner.Dockerfile -t store-demo/runner .
# The first stage is the same text in all five files: built once, and kept by the engine.
ARG DEBIAN=debian:bookworm-slim
FROM ${DEBIAN} AS build
WORKDIR /src
COPY docker/packages.txt docker/install-packages.sh docker/
RUN docker/install-packages.sh demo
COPY . .
RUN cmake -S . -B /build -G Ninja -DSTORE_PRESET=release -DSTORE_TESTS=OFF && ninja -C /build --quiet

FROM ${DEBIAN}
COPY docker/packages.txt docker/install-packages.sh /opt/docker/
RUN /opt/docker/install-packages.sh image-runner && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN useradd --system --uid 10001 --home-dir /nonexistent store && install -d -o store /data
COPY --from=build /build/bin/store-runner /usr/local/bin/
COPY docker/dev-ca.sh /usr/local/bin/
COPY --from=build /build/bin/plugins /usr/local/bin/plugins
RUN install -d -o store /reports
USER store
ENV DOCKER_ENV=true DEMO_REPORTS_DIR=/reports
WORKDIR /reports
CMD ["sleep", "infinity"]
