# The images of the operator and of the MCP server, for those who build with Docker:
#   docker build --build-arg PROGRAM=operator -t gatehouse.dev/operator .
#   docker build --build-arg PROGRAM=mcp-server -t gatehouse.dev/mcp-server .
# `make image` packs the same images without Docker.
FROM golang:1.26 AS build
ARG PROGRAM=operator
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -tags osusergo,netgo -ldflags "-s -w" -o /out/program ./cmd/${PROGRAM}

FROM scratch
ARG PROGRAM=operator
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/program /program
USER 65532:65532
ENTRYPOINT ["/program"]
