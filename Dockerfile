# The operator's image. Wheels come from dist/ (`make wheels`): the build itself uses no network.
ARG PYTHON_IMAGE=python:3.13-slim

# pip runs from its own wheel, so that neither the base nor the result needs to have it installed.
# kubernetes.aio is half of that package, a second client that nothing here imports.
FROM ${PYTHON_IMAGE} AS dependencies
COPY dist/wheels /wheels
RUN python3 -m venv --without-pip /opt/longshore \
 && python3 $(ls /wheels/pip-*.whl)/pip --python /opt/longshore/bin/python install \
      --no-index --no-deps --no-cache-dir --disable-pip-version-check \
      $(ls /wheels/*.whl | grep -v /pip-) \
 && rm -rf /opt/longshore/lib/python3*/site-packages/kubernetes/aio \
 && find /opt/longshore -name tests -type d -prune -exec rm -rf {} +

FROM dependencies AS project
COPY dist/project /project
RUN python3 $(ls /wheels/pip-*.whl)/pip --python /opt/longshore/bin/python install \
      --no-index --no-deps --no-cache-dir --disable-pip-version-check \
      --target /opt/project /project/*.whl

FROM ${PYTHON_IMAGE}
# Nothing in the image may raise its rights.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=dependencies /opt/longshore /opt/longshore
COPY --from=project /opt/project /opt/project
ENV PATH=/opt/project/bin:/opt/longshore/bin:$PATH \
    PYTHONPATH=/opt/project \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
LABEL org.opencontainers.image.title=longshore \
      org.opencontainers.image.description="Kubernetes operator for services and batch jobs" \
      org.opencontainers.image.licenses=Apache-2.0
ENTRYPOINT ["python", "-m", "longshore"]
CMD ["run"]
