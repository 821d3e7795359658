FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /viewgate .

# Alpine rather than an empty image, for the wget of the health check.
FROM alpine:3.22
RUN adduser -D -u 10001 viewgate && mkdir /data && chown viewgate /data
COPY --from=build /viewgate /usr/local/bin/viewgate
USER viewgate
ENV DATA_DIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD wget -q -O /dev/null http://127.0.0.1:8080/readyz
ENTRYPOINT ["viewgate"]
CMD ["serve"]
