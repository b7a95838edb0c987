package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	corev1 "k8s.io/api/core/v1"
)

// The fields of Longshore's kinds that the load uses.

var groupVersion = schema.GroupVersion{Group: "longshore.dev", Version: "v1alpha1"}

type WebApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WebAppSpec   `json:"spec,omitzero"`
	Status            WebAppStatus `json:"status,omitzero"`
}

type WebAppSpec struct {
	Image   string          `json:"image"`
	Env     []corev1.EnvVar `json:"env,omitempty"`
	Size    string          `json:"size,omitempty"`
	Health  Health          `json:"health,omitzero"`
	Scaling Scaling         `json:"scaling,omitzero"`
}

type Health struct {
	Path string `json:"path,omitempty"`
}

type Scaling struct {
	MinReplicas int32 `json:"minReplicas"`
	MaxReplicas int32 `json:"maxReplicas"`
}

type WebAppStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	URL                string             `json:"url,omitempty"`
	Replicas           int32              `json:"replicas"`
	ReadyReplicas      int32              `json:"readyReplicas"`
	Ready              string             `json:"ready,omitempty"`
	Selector           string             `json:"selector,omitempty"`
}

type WebAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WebApp `json:"items"`
}

type BatchJob struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              BatchJobSpec   `json:"spec,omitzero"`
	Status            BatchJobStatus `json:"status,omitzero"`
}

type BatchJobSpec struct {
	Image string   `json:"image"`
	Args  []string `json:"args,omitempty"`
	Size  string   `json:"size,omitempty"`
	Queue string   `json:"queue,omitempty"`
}

type BatchJobStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Phase              string             `json:"phase,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	Attempts           []Attempt          `json:"attempts,omitempty"`
	FinishedAt         *metav1.Time       `json:"finishedAt,omitempty"`
}

type Attempt struct {
	Number int32  `json:"number"`
	Job    string `json:"job"`
}

type BatchJobList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BatchJob `json:"items"`
}

func (in *WebApp) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Env = append([]corev1.EnvVar(nil), in.Spec.Env...)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *WebAppList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]WebApp, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopyObject().(*WebApp)
	}
	return &out
}

func (in *BatchJob) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Args = append([]string(nil), in.Spec.Args...)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	out.Status.Attempts = append([]Attempt(nil), in.Status.Attempts...)
	out.Status.FinishedAt = in.Status.FinishedAt.DeepCopy()
	return &out
}

func (in *BatchJobList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]BatchJob, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopyObject().(*BatchJob)
	}
	return &out
}

func addTypes(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(groupVersion, &WebApp{}, &WebAppList{}, &BatchJob{}, &BatchJobList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
}
