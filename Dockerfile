FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The native TypeScript compiler is an optional dependency for this platform.
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY migrations migrations
RUN node_modules/.bin/tsc

FROM node:24.21.0-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund && npm cache clean --force
COPY --from=build /app/dist dist
COPY ops/entrypoint.sh /usr/local/bin/entrypoint
# The entry point starts as root, gives the volume to this user and goes on as this user.
RUN useradd --system --user-group --uid 10001 spell && mkdir /data && chown spell /data
ENV SPELL_HOST=0.0.0.0 SPELL_DATA_DIR=/data PORT=8080
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/entrypoint"]
CMD ["node", "dist/src/api.js"]
