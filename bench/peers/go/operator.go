package main

import (
	"context"
	"flag"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// operate runs a small operator on controller-runtime: informers, server-side apply of what differs, status.
func operate(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("operator", flag.ExitOnError)
	qps := flags.Float64("qps", -1, "requests per second of the client; -1 lifts the limit")
	burst := flags.Int("burst", 0, "burst of the client")
	workers := flags.Int("workers", 16, "reconciles at once, of each kind")
	health := flags.String("health", "127.0.0.1:0", "address of /readyz")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	addTypes(scheme)
	config := ctrl.GetConfigOrDie()
	config.QPS, config.Burst = float32(*qps), *burst
	ours := cache.ByObject{Label: k8slabels.SelectorFromSet(k8slabels.Set{managedBy: "longshore"})}
	byObject := map[client.Object]cache.ByObject{}
	for _, each := range append(webappKinds(), &batchv1.Job{}) {
		byObject[each] = ours
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: byObject},
		Metrics:                       metricsserver.Options{BindAddress: "127.0.0.1:0"},
		HealthProbeBindAddress:        *health,
		LeaderElection:                true,
		LeaderElectionID:              "bench-operator",
		LeaderElectionNamespace:       "default",
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	reconciler := &reconciler{Client: manager.GetClient(), events: manager.GetEventRecorder("bench-operator")}
	options := controller.Options{MaxConcurrentReconciles: *workers}
	webapps := ctrl.NewControllerManagedBy(manager).For(&WebApp{}, builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	for _, each := range webappKinds() {
		webapps = webapps.Owns(each)
	}
	if err := webapps.WithOptions(options).Complete(reconcileFunc(reconciler.webapp)); err != nil {
		return err
	}
	batchjobs := ctrl.NewControllerManagedBy(manager).
		For(&BatchJob{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).Owns(&batchv1.Job{})
	if err := batchjobs.WithOptions(options).Complete(reconcileFunc(reconciler.batchjob)); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func webappKinds() []client.Object {
	return []client.Object{
		&corev1.ServiceAccount{}, &appsv1.ControllerRevision{}, &corev1.Service{},
		&policyv1.PodDisruptionBudget{}, &appsv1.Deployment{}, &autoscalingv2.HorizontalPodAutoscaler{},
	}
}

type reconcileFunc func(context.Context, ctrl.Request) error

func (f reconcileFunc) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return ctrl.Result{}, f(ctx, request)
}

type reconciler struct {
	client.Client
	events events.EventRecorder
}

func (r *reconciler) webapp(ctx context.Context, request ctrl.Request) error {
	var app WebApp
	if err := r.Get(ctx, request.NamespacedName, &app); err != nil || app.DeletionTimestamp != nil {
		return client.IgnoreNotFound(err)
	}
	var live *appsv1.Deployment
	for _, desired := range webappChildren(&app) {
		held, created, err := r.ensure(ctx, desired)
		if err != nil {
			return err
		}
		if deployed, ok := held.(*appsv1.Deployment); ok {
			if created {
				if deployed, err = r.holdReplicas(ctx, &app); err != nil {
					return err
				}
			}
			live = deployed
		}
	}
	status := webappStatus(&app, live.Status, live.Generation, ptr.Deref(live.Spec.Replicas, 1))
	if equality.Semantic.DeepEqual(status, app.Status) {
		return nil
	}
	completed := status.Conditions[0].Status == metav1.ConditionTrue &&
		(len(app.Status.Conditions) == 0 || app.Status.Conditions[0].Status != metav1.ConditionTrue)
	said := &WebApp{
		TypeMeta:   metav1.TypeMeta{APIVersion: groupVersion.String(), Kind: "WebApp"},
		ObjectMeta: metav1.ObjectMeta{Name: app.Name, Namespace: app.Namespace, UID: app.UID},
		Status:     status,
	}
	if err := r.say(ctx, said); err != nil {
		return err
	}
	if completed {
		r.events.Eventf(&app, nil, corev1.EventTypeNormal, "RolledOut", "RollOut", "revision %s is rolled out", app.revision())
	}
	return nil
}

func (r *reconciler) batchjob(ctx context.Context, request ctrl.Request) error {
	var owner BatchJob
	if err := r.Get(ctx, request.NamespacedName, &owner); err != nil || owner.DeletionTimestamp != nil {
		return client.IgnoreNotFound(err)
	}
	if owner.Status.Phase == "Succeeded" || owner.Status.Phase == "Failed" {
		return nil
	}
	var account corev1.ServiceAccount
	if err := r.Get(ctx, types.NamespacedName{Namespace: owner.Namespace, Name: sharedAccount}, &account); err != nil {
		if err := client.IgnoreNotFound(err); err != nil {
			return err
		}
		if err := r.Create(ctx, batchAccount(owner.Namespace)); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	wanted := job(&owner)
	live := &batchv1.Job{}
	err := r.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	if apierrors.IsNotFound(err) {
		live = wanted
		if err = r.Create(ctx, live); apierrors.IsAlreadyExists(err) {
			return nil // the cache will tell of it
		}
	}
	if err != nil {
		return err
	}
	status := batchjobStatus(&owner, live)
	if equality.Semantic.DeepEqual(status, owner.Status) {
		return nil
	}
	said := &BatchJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: groupVersion.String(), Kind: "BatchJob"},
		ObjectMeta: metav1.ObjectMeta{Name: owner.Name, Namespace: owner.Namespace, UID: owner.UID},
		Status:     status,
	}
	if err := r.say(ctx, said); err != nil {
		return err
	}
	if status.Phase == "Succeeded" {
		r.events.Eventf(&owner, nil, corev1.EventTypeNormal, "Succeeded", "Run", "the job has succeeded")
	}
	return nil
}

// ensure applies the object unless the cache shows that it already is as wanted; true if it was created.
func (r *reconciler) ensure(ctx context.Context, desired client.Object) (client.Object, bool, error) {
	live := desired.DeepCopyObject().(client.Object)
	err := r.Get(ctx, client.ObjectKeyFromObject(desired), live)
	if client.IgnoreNotFound(err) != nil {
		return nil, false, err
	}
	missing := apierrors.IsNotFound(err)
	if !missing && live.GetAnnotations()[hashAnnotation] == desired.GetAnnotations()[hashAnnotation] && holds(desired, live) {
		return live, false, nil
	}
	// Patch with Apply is what takes typed objects.
	return desired, missing, r.Patch(ctx, desired, client.Apply, client.ForceOwnership, client.FieldOwner("longshore"))
}

// holds tells whether everything that is wanted is in the live object, whatever others added.
func holds(desired, live client.Object) bool {
	switch wanted := desired.(type) {
	case *appsv1.Deployment:
		return equality.Semantic.DeepDerivative(wanted.Spec, live.(*appsv1.Deployment).Spec)
	case *corev1.Service:
		return equality.Semantic.DeepDerivative(wanted.Spec, live.(*corev1.Service).Spec)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return equality.Semantic.DeepDerivative(wanted.Spec, live.(*autoscalingv2.HorizontalPodAutoscaler).Spec)
	case *policyv1.PodDisruptionBudget:
		return equality.Semantic.DeepDerivative(wanted.Spec, live.(*policyv1.PodDisruptionBudget).Spec)
	case *corev1.ServiceAccount:
		return ptr.Equal(wanted.AutomountServiceAccountToken, live.(*corev1.ServiceAccount).AutomountServiceAccountToken)
	}
	return true
}

func (r *reconciler) holdReplicas(ctx context.Context, app *WebApp) (*appsv1.Deployment, error) {
	held := &unstructured.Unstructured{Object: heldReplicas(app)}
	if err := r.Patch(ctx, held, client.Apply, client.ForceOwnership, client.FieldOwner("longshore-replicas")); err != nil {
		return nil, err
	}
	var live appsv1.Deployment
	return &live, runtime.DefaultUnstructuredConverter.FromUnstructured(held.Object, &live)
}

func (r *reconciler) say(ctx context.Context, said client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return r.Status().Patch(ctx, said, client.Apply, client.ForceOwnership, client.FieldOwner("longshore-status"))
}
