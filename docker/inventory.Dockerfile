# The inventory service.
#   docker build -f docker/inventory.Dockerfile -t store-demo/inventory .
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
RUN /opt/docker/install-packages.sh image-service && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN useradd --system --uid 10001 --home-dir /nonexistent store && install -d -o store /data
COPY --from=build /build/bin/inventory-service /build/bin/store-runner /usr/local/bin/
USER store
ENV STORE_DATA_DIR=/data STORE_INVENTORY_LISTEN=tcp://0.0.0.0:9003
VOLUME /data
EXPOSE 9003
HEALTHCHECK --interval=2s --timeout=4s --start-period=10s --retries=3 CMD ["store-runner", "health", "tcp://127.0.0.1:9003"]
ENTRYPOINT ["inventory-service"]
