"""The account of an app that names none: no rights, no token."""

from longshore.webapp.app import App
from longshore.workload.decision import Obj


def build(app: App) -> Obj | None:
    if app.spec.service_account_name is not None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": app.metadata(app.service_account),
        "automountServiceAccountToken": False,
    }
