{{- define "longshore.name" -}}
{{- if contains "longshore" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-longshore" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "longshore.selector" -}}
app.kubernetes.io/name: longshore
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "longshore.labels" -}}
{{ include "longshore.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "longshore.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "longshore.name" .) }}
{{- end }}

{{- define "longshore.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What the operator may do where it looks after WebApps, BatchJobs and JobDefinitions. */}}
{{- define "longshore.rules" -}}
- apiGroups: [longshore.dev]
  resources: [webapps, batchjobs, jobdefinitions]
  verbs: [get, list, watch]
- apiGroups: [longshore.dev] # ttlSecondsAfterFinished; runs of schedules: made, cancelled when they are replaced
  resources: [batchjobs]
  verbs: [create, patch, delete]
- apiGroups: [longshore.dev]
  resources: [webapps/status, batchjobs/status, jobdefinitions/status]
  verbs: [patch]
- apiGroups: [longshore.dev] # blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on
  resources: [webapps/finalizers, batchjobs/finalizers, jobdefinitions/finalizers]
  verbs: [update]
- apiGroups: [""] # what goes with its owner is deleted by garbage collection, not by the operator
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps] # delete: when scaling.mode changes
  resources: [deployments, daemonsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch] # array.indexes: the others are told to the Job controller as done
  resources: [jobs/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io] # these three where the cluster has them
  resources: [httproutes, grpcroutes, tlsroutes, tcproutes, listenersets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.x-k8s.io] # what listenersets were called up to Gateway API 1.4
  resources: [xlistenersets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io] # which of them takes a route
  resources: [gateways]
  verbs: [list, watch]
- apiGroups: [""] # the labels of an app's namespace, where a Gateway goes by them
  resources: [namespaces]
  verbs: [get]
- apiGroups: [keda.sh] # where the cluster has it
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""] # list: why a probe fails is told in events only
  resources: [events]
  verbs: [create, list]
{{- end }}

{{/* What it may do besides where it looks after the whole cluster: queues, nodes, and classes of Ingresses. */}}
{{- define "longshore.queueRules" -}}
- apiGroups: [longshore.dev]
  resources: [jobqueues, computeenvironments]
  verbs: [list, watch]
- apiGroups: [longshore.dev]
  resources: [jobqueues/status, computeenvironments/status]
  verbs: [patch]
- apiGroups: [networking.k8s.io] # which one is the default
  resources: [ingressclasses]
  verbs: [list, watch]
- apiGroups: [""] # their labels, asked for once there is a JobQueue with a namespaceSelector
  resources: [namespaces]
  verbs: [list, watch]
{{- if .Values.rbac.nodes }}
- apiGroups: [""] # what nodes can allocate: asked for once there is a ComputeEnvironment of type Unmanaged, or a pod that no node takes
  resources: [nodes]
  verbs: [list, watch]
{{- end }}
{{- end }}
