# One image for every stage; docker-compose.yml names the stage. Alone: docker run -p 127.0.0.1:8000:8000 huisheng
FROM docker.io/library/python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_USE_PEP517=1
RUN python -m venv /opt/huisheng
ENV PATH=/opt/huisheng/bin:$PATH
WORKDIR /source
COPY requirements-build.lock requirements.lock ./
RUN pip install --require-hashes -r requirements-build.lock \
    && pip install --require-hashes --no-build-isolation -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation .

FROM docker.io/library/python:3.11-slim
RUN useradd --uid 10001 --create-home huisheng \
    && install --directory --owner huisheng /data
COPY --from=build /opt/huisheng /opt/huisheng
ENV PATH=/opt/huisheng/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HUISHENG_DATA__DIR=/data \
    HUISHENG_PAGE__HOST=0.0.0.0
USER huisheng
# config/ is looked for in the working directory, so it is /config here.
WORKDIR /
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["huisheng"]
CMD ["run"]
