# testspace on the CPU, with Rerun's viewer and ONNX:
#
#     docker build --tag testspace .
#     docker run --rm --volume "$PWD:/work" testspace demo --no-view
#
# PIP_OPTIONS may name another index for torch's wheels, as in the Makefile.
FROM python:3.11-slim
ARG PIP_OPTIONS=""
COPY . /src
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir ${PIP_OPTIONS} '/src[learn,onnx,view]' && rm -rf /src
WORKDIR /work
ENTRYPOINT ["testspace"]
CMD []
