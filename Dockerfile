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
RUN useradd --system --uid 10001 spell && mkdir /data && chown spell /data
USER spell
ENV SPELL_HOST=0.0.0.0 SPELL_DATA_DIR=/data PORT=8080
EXPOSE 8080
CMD ["node", "dist/src/api.js"]
