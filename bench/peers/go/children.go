package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The children of both kinds as Longshore renders them for the specs of the load.

const (
	managedBy      = "app.kubernetes.io/managed-by"
	webappLabel    = "longshore.dev/webapp"
	batchjobLabel  = "longshore.dev/batchjob"
	revisionLabel  = "longshore.dev/revision"
	attemptLabel   = "longshore.dev/attempt"
	hashAnnotation = "longshore.dev/hash"
	sharedAccount  = "longshore-batch"
)

func hash(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:10]
}

func labels(key, name, component string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":      name,
		"app.kubernetes.io/instance":  name,
		"app.kubernetes.io/component": component,
		managedBy:                     "longshore",
		key:                           name,
	}
}

func childMeta(kind, key, component string, owner metav1.ObjectMeta, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: owner.Namespace,
		Labels:    labels(key, owner.Name, component),
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: groupVersion.String(), Kind: kind, Name: owner.Name, UID: owner.UID,
			Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
		}},
	}
}

func (app *WebApp) meta(name string) metav1.ObjectMeta {
	return childMeta("WebApp", webappLabel, "webapp", app.ObjectMeta, name)
}

func (app *WebApp) revision() string {
	return hash(WebAppSpec{Image: app.Spec.Image, Env: app.Spec.Env, Size: app.Spec.Size, Health: app.Spec.Health})
}

// webappChildren returns what a WebApp becomes, in the order in which it is written.
func webappChildren(app *WebApp) []client.Object {
	made := []client.Object{serviceAccount(app), revision(app), service(app), budget(app), deployment(app), autoscaler(app)}
	for _, each := range made {
		mark(each)
	}
	return made
}

// mark puts the hash of what is wanted into an annotation.
func mark(obj client.Object) {
	obj.SetAnnotations(map[string]string{hashAnnotation: hash(obj)})
}

func serviceAccount(app *WebApp) client.Object {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   app.meta(app.Name + "-webapp"),
		AutomountServiceAccountToken: ptr.To(false),
	}
}

func revision(app *WebApp) client.Object {
	data, _ := json.Marshal(map[string]any{"spec": WebAppSpec{
		Image: app.Spec.Image, Env: app.Spec.Env, Size: app.Spec.Size, Health: app.Spec.Health,
	}})
	made := &appsv1.ControllerRevision{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ControllerRevision"},
		ObjectMeta: app.meta(app.Name + "-" + app.revision()),
		Revision:   app.Generation,
		Data:       runtime.RawExtension{Raw: data},
	}
	made.Labels[revisionLabel] = app.revision()
	return made
}

func service(app *WebApp) client.Object {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: app.meta(app.Name),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: map[string]string{webappLabel: app.Name},
			Ports: []corev1.ServicePort{{
				Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("app"), AppProtocol: ptr.To("http"),
			}},
		},
	}
}

func budget(app *WebApp) client.Object {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: app.meta(app.Name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             ptr.To(intstr.FromInt32(1)),
			Selector:                   &metav1.LabelSelector{MatchLabels: map[string]string{webappLabel: app.Name}},
			UnhealthyPodEvictionPolicy: ptr.To(policyv1.AlwaysAllow),
		},
	}
}

func autoscaler(app *WebApp) client.Object {
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: app.meta(app.Name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: app.Name},
			MinReplicas:    ptr.To(app.Spec.Scaling.MinReplicas),
			MaxReplicas:    app.Spec.Scaling.MaxReplicas,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To(int32(70))},
				},
			}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
				ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To(int32(300))},
			},
		},
	}
}

func deployment(app *WebApp) client.Object {
	podLabels := labels(webappLabel, app.Name, "webapp")
	podLabels[revisionLabel] = app.revision()
	serving := container("app", app.Spec.Image)
	serving.Env = app.Spec.Env
	serving.Ports = []corev1.ContainerPort{{Name: "app", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}
	serving.StartupProbe = probe(app, 2, 60)
	serving.ReadinessProbe = probe(app, 10, 3)
	serving.LivenessProbe = probe(app, 10, 9)
	serving.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}
	pod := podSpec(serving, app.Name+"-webapp")
	for _, key := range []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"} {
		pod.TopologySpreadConstraints = append(pod.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector:  &metav1.LabelSelector{MatchLabels: map[string]string{webappLabel: app.Name}},
			MatchLabelKeys: []string{"pod-template-hash"},
		})
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: app.meta(app.Name),
		Spec: appsv1.DeploymentSpec{
			ProgressDeadlineSeconds: ptr.To(int32(300)),
			RevisionHistoryLimit:    ptr.To(int32(5)),
			Selector:                &metav1.LabelSelector{MatchLabels: map[string]string{webappLabel: app.Name}},
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxSurge: ptr.To(intstr.FromString("25%")), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
				},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: podLabels}, Spec: pod},
		},
	}
}

// heldReplicas starts a new Deployment at the autoscaler's minimum, under another manager, so that the
// autoscaler takes the field over.
func heldReplicas(app *WebApp) map[string]any {
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": app.Name, "namespace": app.Namespace},
		"spec":     map[string]any{"replicas": int64(app.Spec.Scaling.MinReplicas)},
	}
}

func probe(app *WebApp, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: app.Spec.Health.Path, Port: intstr.FromString("app"), Scheme: corev1.URISchemeHTTP,
		}},
		TimeoutSeconds: 2, SuccessThreshold: 1, PeriodSeconds: period, FailureThreshold: failures,
	}
}

func job(owner *BatchJob) *batchv1.Job {
	name := owner.Name + "-1"
	metadata := childMeta("BatchJob", batchjobLabel, "batchjob", owner.ObjectMeta, name)
	metadata.Labels[attemptLabel] = "1"
	work := container("job", owner.Spec.Image)
	work.Args = owner.Spec.Args
	work.Env = []corev1.EnvVar{{Name: "LONGSHORE_ATTEMPT", Value: "1"}}
	pod := podSpec(work, sharedAccount)
	pod.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metadata,
		Spec: batchv1.JobSpec{
			BackoffLimit: ptr.To(int32(0)), Completions: ptr.To(int32(1)), Parallelism: ptr.To(int32(1)),
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(metadata.Labels)}, Spec: pod,
			},
		},
	}
}

func batchAccount(namespace string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   metav1.ObjectMeta{Name: sharedAccount, Namespace: namespace, Labels: map[string]string{managedBy: "longshore"}},
		AutomountServiceAccountToken: ptr.To(false),
	}
}

func container(name, image string) corev1.Container {
	small := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	return corev1.Container{
		Name: name, Image: image,
		Resources: corev1.ResourceRequirements{Requests: small, Limits: small},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   ptr.To(false),
			RunAsNonRoot:             ptr.To(true),
		},
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
}

func podSpec(work corev1.Container, account string) corev1.PodSpec {
	return corev1.PodSpec{
		AutomountServiceAccountToken: ptr.To(false),
		Containers:                   []corev1.Container{work},
		EnableServiceLinks:           ptr.To(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		ServiceAccountName:            account,
		TerminationGracePeriodSeconds: ptr.To(int64(30)),
	}
}

// webappStatus is what is said of a WebApp, given its Deployment, which may not exist yet.
func webappStatus(app *WebApp, live appsv1.DeploymentStatus, liveGeneration int64, replicas int32) WebAppStatus {
	complete := live.ObservedGeneration >= liveGeneration && replicas > 0 &&
		live.UpdatedReplicas == replicas && live.AvailableReplicas == replicas
	status := WebAppStatus{
		ObservedGeneration: app.Generation,
		Conditions:         append([]metav1.Condition(nil), app.Status.Conditions...),
		URL:                fmt.Sprintf("http://%s.%s.svc", app.Name, app.Namespace),
		Replicas:           live.Replicas, ReadyReplicas: live.ReadyReplicas,
		Ready:    fmt.Sprintf("%d/%d", live.ReadyReplicas, replicas),
		Selector: webappLabel + "=" + app.Name,
	}
	say := func(kind string, holds bool, yes, no string) {
		value, reason := metav1.ConditionTrue, yes
		if !holds {
			value, reason = metav1.ConditionFalse, no
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, ObservedGeneration: app.Generation,
			Message: "revision " + app.revision() + " is the one that is wanted",
		})
	}
	say("Ready", complete, "Available", "RollingOut")
	say("Available", live.AvailableReplicas >= replicas, "MinimumReplicas", "NoReplicas")
	say("Progressing", true, map[bool]string{true: "Complete", false: "RollingOut"}[complete], "")
	say("Scaling", true, "Autoscaled", "")
	say("Exposed", true, "ClusterOnly", "")
	return status
}

// batchjobStatus is what is said of a BatchJob, given its Job.
func batchjobStatus(owner *BatchJob, live *batchv1.Job) BatchJobStatus {
	status := BatchJobStatus{
		ObservedGeneration: owner.Generation, Phase: "Starting",
		Conditions: append([]metav1.Condition(nil), owner.Status.Conditions...),
		Attempts:   []Attempt{{Number: 1, Job: live.Name}},
	}
	if live.Status.Ready != nil && *live.Status.Ready > 0 {
		status.Phase = "Running"
	}
	for _, each := range live.Status.Conditions {
		if each.Type == batchv1.JobComplete && each.Status == corev1.ConditionTrue {
			status.Phase, status.FinishedAt = "Succeeded", &each.LastTransitionTime
		}
	}
	say := func(kind string, holds bool) {
		value := metav1.ConditionFalse
		if holds {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: status.Phase, ObservedGeneration: owner.Generation,
			Message: "attempt 1 is " + status.Phase,
		})
	}
	say("Admitted", true)
	say("Running", status.Phase == "Running")
	say("Complete", status.Phase == "Succeeded")
	say("Failed", false)
	return status
}
