{{- define "longshore.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- define "longshore.account" -}}
{{- .Values.serviceAccount.name | default (include "longshore.name" .) -}}
{{- end -}}
{{- define "longshore.selector" -}}
app.kubernetes.io/name: longshore-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "longshore.labels" -}}
{{ include "longshore.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{- /* What the operator does with objects; the same for a cluster and for one namespace. */ -}}
{{- define "longshore.rules" -}}
- apiGroups: [longshore.dev]
  resources: [webapps]
  verbs: [get, list, watch]
- apiGroups: [longshore.dev]
  resources: [batchjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [longshore.dev]
  resources: [webapps/status, batchjobs/status]
  verbs: [patch]
# Clusters that enforce permissions on owner references ask for this.
- apiGroups: [longshore.dev]
  resources: [webapps/finalizers, batchjobs/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
{{- end -}}
