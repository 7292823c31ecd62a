# The sidecar's image: Node, the built program and its production packages; no root, no shell needed, nothing written.
#
# Both halves start from one exact tag, so that what was built is what runs. All paths in RUN are relative: the image's
# test replays these steps in plain folders, where no container engine is at hand.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
RUN npm run build
# A command without its ending, for people and for preStop hooks: `contender drain`.
RUN ln -s contender.js bin/contender

# Optional packages are Node itself, for machines without a fitting one: the base image has it.
FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="contender" \
      org.opencontainers.image.description="A gRPC sidecar that splits and shadows prediction calls between model variants" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY package.json LICENSE ./
COPY proto proto
COPY config config
COPY --from=packages /packages/node_modules node_modules
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
# The root file system may be read-only, so nothing is cached on it.
ENV NODE_ENV=production NODE_DISABLE_COMPILE_CACHE=1 PATH=/app/bin:$PATH
# By number: Kubernetes can tell that it is not root (runAsNonRoot) only from a number.
USER 65532:65532
EXPOSE 7400 7401
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["contender", "healthcheck"]
ENTRYPOINT ["contender"]
CMD ["sidecar"]
