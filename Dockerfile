# The operator's image. Not proven by this repository's tests: they run the same binary as a process.
#
#   docker build -t yagura .

FROM rust:1.95-bookworm AS build
WORKDIR /yagura
# aws-lc (the crypto library) is C and is built with cmake.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
COPY . .
# `tests/it` is left out of the context; cargo wants its entry all the same.
RUN mkdir -p tests/it && touch tests/it/main.rs \
    && cargo build --release --locked --package yagura --bin yagura

# glibc and CA certificates, no shell, a user without rights (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /yagura/target/release/yagura /usr/local/bin/yagura
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/yagura"]
CMD ["controller"]
