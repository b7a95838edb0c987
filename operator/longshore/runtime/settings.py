"""Everything that can be set, from variables LONGSHORE_… or flags of `longshore run`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "LONGSHORE_"


class BadSettingsError(Exception):
    """Settings that can't be used; one line each, naming the setting and what it accepts."""


class Settings(BaseSettings):
    """The operator's settings. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="namespaces to look after, separated by commas; empty is the whole cluster"
    )
    workers: int = Field(default=16, ge=1, le=256, description="reconciles at once, 1 to 256")
    discovery_seconds: float = Field(
        default=10,
        ge=0.1,
        le=3600,
        description="seconds between looks at which APIs the cluster serves, 0.1 to 3600",
    )
    resync_seconds: int = Field(
        default=600,
        ge=10,
        le=86400,
        description="seconds after which every object is looked at again, 10 to 86400",
    )
    leader_elect: bool = Field(default=True, description="true or false: take part in leader election")
    lease_name: str = Field(default="longshore", min_length=1, max_length=63, description="name of the Lease")
    lease_namespace: str = Field(
        default="", description="namespace of the Lease; empty is the operator's own"
    )
    lease_duration_seconds: int = Field(
        default=15, ge=1, le=300, description="seconds after which an unrenewed lease is free, 1 to 300"
    )
    lease_renew_deadline_seconds: float = Field(
        default=10,
        gt=0,
        le=300,
        description="seconds without renewal after which leading ends, below leaseDuration",
    )
    lease_retry_seconds: float = Field(
        default=2, gt=0, le=60, description="seconds between tries, below the renew deadline"
    )
    health_host: str = Field(default="0.0.0.0", description="address of /healthz, /readyz and /metrics")  # noqa: S104
    health_port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="port of /healthz, /readyz and /metrics, 0 to 65535; 0 picks a free one",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "text"] = Field(default="json", description="json or text")
    request_timeout_seconds: float = Field(
        default=30, gt=0, le=300, description="seconds for one request, up to 300"
    )
    max_connections: int = Field(default=32, ge=1, le=512, description="requests at once, 1 to 512")
    backoff_base_seconds: float = Field(
        default=1, gt=0, le=60, description="seconds before the first retry, up to 60"
    )
    backoff_max_seconds: float = Field(
        default=300, ge=1, le=3600, description="seconds between retries at most, 1 to 3600"
    )
    stale_after_seconds: int = Field(
        default=180,
        ge=10,
        le=3600,
        description="seconds after which a cache that cannot be refreshed is unhealthy, 10 to 3600",
    )
    last_words: bool = Field(
        default=True, description="true or false: show termination messages of failed containers in status"
    )

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: dict[str, Any]) -> dict[str, Any]:
        if isinstance(values.get("namespaces"), str):
            values["namespaces"] = tuple(
                each.strip() for each in values["namespaces"].split(",") if each.strip()
            )
        return values

    @model_validator(mode="after")
    def _lease_times(self) -> Settings:
        if not self.lease_retry_seconds < self.lease_renew_deadline_seconds < self.lease_duration_seconds:
            raise ValueError(
                "lease_retry_seconds must be below lease_renew_deadline_seconds, and that below lease_duration_seconds"
            )
        return self


def load(**flags: Any) -> Settings:
    """Settings from the environment; flags that are not None win.

    Raises:
        BadSettingsError: with a line for each that is wrong.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise BadSettingsError("\n".join(_line(each) for each in error.errors())) from None


def _line(error: Any) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0]).lower()
    field = Settings.model_fields[name]
    return f"{PREFIX}{name.upper()}: {error['input']!r} is not accepted; it takes {field.description}"
