# Fintag's image: fintagd, fintag-train and fintag with the libraries that they need, for a numbered user and a read-only
# root. deploy/image.sh builds it; deploy/CONTAINER.md says how to run it.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# cpu, or cuda for the LibTorch that also runs on NVIDIA GPUs.
ARG TORCH=cpu
WORKDIR /src
COPY deploy/install.sh deploy/
# The secrets are how the machine that builds reaches its package mirrors. All may be missing, and none stays in a layer.
RUN --mount=type=secret,id=apt.conf --mount=type=secret,id=sources.list,mode=0444 \
    --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt,mode=0444 \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/apt.conf ]; then export APT_CONFIG=/run/secrets/apt.conf; fi; \
    if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -s /run/secrets/ca.crt ]; then export CURL_CA_BUNDLE=/run/secrets/ca.crt PIP_CERT=/run/secrets/ca.crt; fi; \
    deploy/install.sh --torch "${TORCH}"
COPY CMakeLists.txt CMakePresets.json ./
COPY proto proto
COPY core core
COPY server server
COPY client client
# Part of ccache's keys, as it is in most shells: a cache may come from outside.
ENV LANG=C.UTF-8
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DFINTAG_TESTS=OFF && \
    cmake --build --preset release --target fintagd fintag-train fintag
COPY deploy/bundle.sh deploy/
RUN deploy/bundle.sh --torch "${TORCH}" /opt/fintag

FROM ${BASE}
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
COPY --from=build /opt/fintag/share/fintag/packages.txt /opt/fintag/share/fintag/
# In the newest versions of the release, not in those of a build stage that may come from a cache.
RUN --mount=type=secret,id=apt.conf --mount=type=secret,id=sources.list,mode=0444 \
    --mount=type=secret,id=ca.crt,mode=0444 \
    if [ -s /run/secrets/apt.conf ]; then export APT_CONFIG=/run/secrets/apt.conf; fi; \
    apt-get update -q && \
    sed 's/=.*//' /opt/fintag/share/fintag/packages.txt | \
      DEBIAN_FRONTEND=noninteractive xargs apt-get install -y -q --no-install-recommends && \
    apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/debconf/* && \
    install -d -o 10001 -g 10001 /data
COPY --from=build /opt/fintag /opt/fintag
COPY deploy/container/fintagd.toml /etc/fintag/fintagd.toml
ENV PATH=/opt/fintag/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["fintag", "--timeout", "3", "health"]
ENTRYPOINT ["fintagd", "--config", "/etc/fintag/fintagd.toml"]
# Last, since they differ in every build.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Fintag" \
      org.opencontainers.image.description="Fine-tunes BERT encoders to tag financial entities, and serves them over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
