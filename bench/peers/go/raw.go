package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// raw answers each event with the writes that a reconcile would make of it, and knows nothing else: no reads,
// no cache, no comparison. An object's writes follow one another, as a reconcile's do; objects go in parallel.
func raw(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("raw", flag.ExitOnError)
	workers := flags.Int("workers", 32, "objects at once")
	ready := flags.String("ready", "", "file that is made when all watches are open")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	connection, err := connect()
	if err != nil {
		return err
	}
	writer := &writer{api: connection, apps: map[string]*WebApp{}, owners: map[string]*BatchJob{}, work: make(chan func() error, 100_000)}
	for range *workers {
		go writer.run()
	}
	account := batchAccount(namespace)
	if err := connection.apply(ctx, collections["ServiceAccount"]+"/"+account.Name, "longshore", account); err != nil {
		return err
	}
	err = watch(ctx, connection, "WebApp", func(_ string, app *WebApp) { writer.webapp(ctx, app) })
	if err == nil {
		err = watch(ctx, connection, "Service", func(kind string, service *corev1.Service) { writer.service(ctx, kind, service) })
	}
	if err == nil {
		err = watch(ctx, connection, "Deployment", func(_ string, live *appsv1.Deployment) { writer.deployment(ctx, live) })
	}
	if err == nil {
		err = watch(ctx, connection, "BatchJob", func(kind string, owner *BatchJob) { writer.batchjob(ctx, kind, owner) })
	}
	if err == nil {
		err = watch(ctx, connection, "Job", func(_ string, live *batchv1.Job) { writer.job(ctx, live) })
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(*ready, nil, 0o600); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

type writer struct {
	*api
	work chan func() error

	mutex  sync.Mutex
	apps   map[string]*WebApp
	owners map[string]*BatchJob
}

func (w *writer) run() {
	for task := range w.work {
		if err := task(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func (w *writer) webapp(ctx context.Context, app *WebApp) {
	w.mutex.Lock()
	before := w.apps[app.Name]
	w.apps[app.Name] = app
	w.mutex.Unlock()
	if before != nil && before.Generation == app.Generation {
		return
	}
	w.work <- func() error {
		for _, each := range webappChildren(app) {
			switch each.(type) {
			case *appsv1.ControllerRevision, *appsv1.Deployment:
			default:
				if app.Generation > 1 {
					continue // an image concerns these two
				}
			}
			if err := w.child(ctx, each); err != nil {
				return err
			}
			if _, ok := each.(*appsv1.Deployment); ok && app.Generation == 1 {
				if err := w.apply(ctx, collections["Deployment"]+"/"+app.Name, "longshore-replicas", heldReplicas(app)); err != nil {
					return err
				}
			}
		}
		return w.sayWebApp(ctx, app, appsv1.DeploymentStatus{}, 1, app.Spec.Scaling.MinReplicas)
	}
}

func (w *writer) deployment(ctx context.Context, live *appsv1.Deployment) {
	status, replicas := live.Status, int32(0)
	if live.Spec.Replicas != nil {
		replicas = *live.Spec.Replicas
	}
	if status.ObservedGeneration < live.Generation || status.AvailableReplicas < replicas || replicas == 0 {
		return
	}
	w.mutex.Lock()
	app := w.apps[live.Name]
	w.mutex.Unlock()
	w.work <- func() error {
		if err := w.sayWebApp(ctx, app, status, live.Generation, replicas); err != nil {
			return err
		}
		return w.event(ctx, "WebApp", app.ObjectMeta, "RolledOut")
	}
}

func (w *writer) service(ctx context.Context, kind string, gone *corev1.Service) {
	if kind != "DELETED" {
		return
	}
	w.mutex.Lock()
	app := w.apps[gone.Name]
	w.mutex.Unlock()
	w.work <- func() error {
		wanted := service(app)
		mark(wanted)
		return w.child(ctx, wanted)
	}
}

func (w *writer) batchjob(ctx context.Context, kind string, owner *BatchJob) {
	w.mutex.Lock()
	w.owners[owner.Name] = owner
	w.mutex.Unlock()
	if kind != "ADDED" {
		return
	}
	w.work <- func() error {
		wanted := job(owner)
		if err := w.send(ctx, http.MethodPost, collections["Job"]+"?fieldManager=longshore", plainJSON, wanted, nil); err != nil {
			return err
		}
		return w.sayBatchJob(ctx, owner, wanted)
	}
}

func (w *writer) job(ctx context.Context, live *batchv1.Job) {
	if live.Status.StartTime == nil {
		return
	}
	w.mutex.Lock()
	owner := w.owners[live.Labels[batchjobLabel]]
	w.mutex.Unlock()
	w.work <- func() error {
		if err := w.sayBatchJob(ctx, owner, live); err != nil || live.Status.CompletionTime == nil {
			return err
		}
		return w.event(ctx, "BatchJob", owner.ObjectMeta, "Succeeded")
	}
}

func (w *writer) child(ctx context.Context, child client.Object) error {
	path := collections[child.GetObjectKind().GroupVersionKind().Kind] + "/" + child.GetName()
	return w.apply(ctx, path, "longshore", child)
}

func (w *writer) sayWebApp(ctx context.Context, app *WebApp, live appsv1.DeploymentStatus, generation int64, replicas int32) error {
	said := &WebApp{
		ObjectMeta: metav1.ObjectMeta{Name: app.Name, Namespace: app.Namespace, UID: app.UID},
		Status:     webappStatus(app, live, generation, replicas),
	}
	said.APIVersion, said.Kind = groupVersion.String(), "WebApp"
	return w.apply(ctx, collections["WebApp"]+"/"+app.Name+"/status", "longshore-status", said)
}

func (w *writer) sayBatchJob(ctx context.Context, owner *BatchJob, live *batchv1.Job) error {
	said := &BatchJob{
		ObjectMeta: metav1.ObjectMeta{Name: owner.Name, Namespace: owner.Namespace, UID: owner.UID},
		Status:     batchjobStatus(owner, live),
	}
	said.APIVersion, said.Kind = groupVersion.String(), "BatchJob"
	return w.apply(ctx, collections["BatchJob"]+"/"+owner.Name+"/status", "longshore-status", said)
}

func (w *writer) event(ctx context.Context, kind string, about metav1.ObjectMeta, reason string) error {
	now := metav1.NewTime(time.Now())
	return w.send(ctx, http.MethodPost, collections["Event"], plainJSON, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: about.Name + ".", Namespace: namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: groupVersion.String(), Kind: kind, Namespace: namespace, Name: about.Name, UID: about.UID,
		},
		Reason: reason, Message: reason, Type: corev1.EventTypeNormal, Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "raw"},
	}, nil)
}
