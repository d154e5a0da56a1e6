# The connector as an image, and the workshop it is built in. The last stage holds Node, compiled code and production dependencies, runs as
# nobody in particular and writes nothing. Needs no BuildKit.
#
#   docker build -t call-log-source .
#   docker run --rm call-log-source --version
#   docker run -e KALEYRA_SID -e KALEYRA_API_KEY -e KAFKA_BROKERS -e SCHEMA_REGISTRY_URL -p 127.0.0.1:9464:9464 call-log-source
#
# Its settings are config/container.yaml, which reads the environment; for anything else mount a file and name it:
#   docker run -v "$PWD/settings.yaml:/settings.yaml:ro" call-log-source run --config /settings.yaml
# In it set http.host to 0.0.0.0, to be seen from outside, and leave http.port at 9464 or name it in HTTP_PORT too: there the health check asks.
#
# Everything else in a container that runs, read-only as it may be (--read-only --tmpfs /tmp, for the socket that takes orders):
#   docker exec <container> call-log-source status --config config/container.yaml

# Everything that develops, compiles and simulates. Install scripts only fetch what the image has already, Node itself for one.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY schemas ./schemas
RUN npm run build && chmod 755 dist/main.js
COPY config ./config
COPY test/support ./test/support
USER 1000:1000

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
RUN ln -s /app/dist/main.js /usr/local/bin/call-log-source
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY schemas ./schemas
COPY config/container.yaml config/example.yaml config/settings.schema.json ./config/
COPY --from=build /app/dist ./dist

ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="call-log-source" \
      org.opencontainers.image.description="Kafka source connector for the Kaleyra.io Call Log Pull API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/node:24-bookworm-slim"

# A number, so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 9464

# Whether the process serves, which depends on no other system: a restart heals no broker. What it can do at the moment says /ready.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 9464}/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Node itself gets the signals: SIGTERM commits what has been read and ends with 0, within 8 seconds; --import hears those that come too early.
# A smaller young generation and slower heap growth: two thirds of the memory for a third more time spent collecting.
ENTRYPOINT ["node", "--max-semi-space-size=8", "--heap-growing-percent=50", "--import=/app/dist/host/first-process.js", "/app/dist/main.js"]
CMD ["run", "--config", "/app/config/container.yaml"]
