# The gateway.
#   docker build -f docker/gateway.Dockerfile -t store-demo/gateway .
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
RUN /opt/docker/install-packages.sh image-gateway && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN useradd --system --uid 10001 --home-dir /nonexistent store && install -d -o store /data
COPY --from=build /build/bin/store-gateway /build/bin/store-runner /usr/local/bin/
USER store
ENV STORE_DATA_DIR=/data STORE_GATEWAY_HOST=0.0.0.0
EXPOSE 8000 8001 8002 8003
HEALTHCHECK --interval=2s --timeout=4s --start-period=10s --retries=3 CMD ["store-runner", "health", "http://127.0.0.1:8000"]
ENTRYPOINT ["store-gateway"]
