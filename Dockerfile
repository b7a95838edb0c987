# The operator's image. Wheels come from dist/wheels (`make wheels`), so that the build needs no network.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
COPY dist/wheels /wheels
# pip runs from its own wheel: the base needs Python alone.
RUN python3 /wheels/pip-*.whl/pip install --no-index --find-links=/wheels --no-cache-dir --no-compile --target=/longshore longshore \
 && find /longshore \( -name tests -o -name __pycache__ -o -name '*.pyi' \) -prune -exec rm -rf {} + \
 && find /longshore -name '*.so' -size +100k -exec sh -c 'command -v strip >/dev/null && strip --strip-unneeded "$1" || true' _ {} \; \
 && python3 -m compileall -q -j 0 /longshore

FROM ${PYTHON_IMAGE}
# Nothing in the image may gain rights that its user lacks.
RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +
COPY --from=build /longshore /longshore
ENV PYTHONPATH=/longshore PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "longshore"]
CMD ["run"]
