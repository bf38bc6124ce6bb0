# The command line, with everything that it reads and exports:
#
#     docker build -t emohrnet .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" emohrnet predict recordings --out results.csv
#
# Paths are those below the current folder, which the container sees as /data. No GPU is used, and no microphone is there.
# It was not built on the project's machines, which have no Docker daemon; a test holds that what it copies is there.
FROM python:3.12-slim

COPY . /src
RUN pip install --no-cache-dir --constraint /src/constraints/newest.txt "/src[export]" && rm -rf /src

# Any user may run it; Matplotlib and others keep what they cache in HOME.
ENV HOME=/tmp PYTHONUNBUFFERED=1
WORKDIR /data
USER 1000:1000
ENTRYPOINT ["emohrnet"]
CMD ["--help"]
