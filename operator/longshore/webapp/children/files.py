"""The ConfigMap with the app's files, named by their hash: a change is a new object, and so new pods."""

from longshore.webapp.app import App
from longshore.workload.decision import Obj
from longshore.workload.pod import files_data


def build(app: App) -> Obj | None:
    if app.files_name is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": app.metadata(app.files_name),
        "data": files_data(app.spec.files),
    }
