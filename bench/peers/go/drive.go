package main

import (
	"context"
	"encoding/json"
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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// drive submits one step of the load, waits until the operator has done its part, and prints what it took.
func drive(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("drive", flag.ExitOnError)
	step := flags.String("step", "", "create, ready, update, services, react, submit, run, finish, history, post, enqueue, plain or slots")
	first := flags.Int("first", 0, "number of the first object")
	count := flags.Int("count", 100, "how many objects")
	queue := flags.String("queue", "", "queue of BatchJobs")
	image := flags.String("image", "registry.test/app:v1", "image of WebApps")
	parallel := flags.Int("parallel", 16, "requests at once")
	timeout := flags.Duration("timeout", 15*time.Minute, "when to give up")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	connection, err := connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	driver := &driver{api: connection, first: *first, count: *count, image: *image, queue: *queue, parallel: *parallel}
	steps := map[string]func(context.Context) error{
		"create": driver.create, "ready": driver.ready, "update": driver.update, "services": driver.services,
		"react": driver.react, "submit": driver.submit, "run": driver.run, "finish": driver.finish,
		"history": driver.history, "post": driver.post, "enqueue": driver.enqueue, "plain": driver.plain, "slots": driver.slots,
	}
	if steps[*step] == nil {
		return fmt.Errorf("there is no step %q", *step)
	}
	if err := steps[*step](ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(driver.took)
}

type took struct {
	Seconds          float64   `json:"seconds"`
	SubmittedSeconds float64   `json:"submitted_seconds"`
	LatenciesMS      []float64 `json:"latencies_ms,omitempty"`
}

type driver struct {
	*api
	first, count, parallel int
	image, queue           string
	took                   took
}

func (d *driver) app(number int) string { return fmt.Sprintf("app-%06d", d.first+number) }
func (d *driver) job(number int) string { return fmt.Sprintf("job-%06d", d.first+number) }

// waiting counts down names; done is closed when none is left.
type waiting struct {
	mutex sync.Mutex
	names map[string]bool
	done  chan struct{}
}

func waitFor(count int, name func(int) string) *waiting {
	names := map[string]bool{}
	for number := range count {
		names[name(number)] = true
	}
	return &waiting{names: names, done: make(chan struct{})}
}

func (w *waiting) seen(name string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.names[name] {
		delete(w.names, name)
		if len(w.names) == 0 {
			close(w.done)
		}
	}
}

// timed submits, waits, and looks once more at what a watch of the status cannot tell.
func (d *driver) timed(ctx context.Context, left *waiting, submit func(int) error, confirm func(context.Context) (bool, error)) error {
	began := time.Now()
	if err := inParallel(d.count, d.parallel, submit); err != nil {
		return err
	}
	d.took.SubmittedSeconds = time.Since(began).Seconds()
	select {
	case <-left.done:
	case <-ctx.Done():
		return fmt.Errorf("%d of %d are not as they should be", len(left.names), d.count)
	}
	d.took.Seconds = time.Since(began).Seconds()
	for confirm != nil {
		ok, err := confirm(ctx)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
			d.took.Seconds = time.Since(began).Seconds()
		case <-ctx.Done():
			return fmt.Errorf("children are missing")
		}
	}
	return nil
}

func (d *driver) watchApps(ctx context.Context, holds func(*WebApp) bool) (*waiting, error) {
	left := waitFor(d.count, d.app)
	return left, watch(ctx, d.api, "WebApp", func(_ string, app *WebApp) {
		if app.Status.ObservedGeneration == app.Generation && holds(app) {
			left.seen(app.Name)
		}
	})
}

func (d *driver) create(ctx context.Context) error {
	left, err := d.watchApps(ctx, func(*WebApp) bool { return true })
	if err != nil {
		return err
	}
	submit := func(number int) error {
		app := &WebApp{ObjectMeta: metav1.ObjectMeta{Name: d.app(number), Namespace: namespace}, Spec: WebAppSpec{
			Image: d.image, Env: []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}}, Size: "Small",
			Health: Health{Path: "/healthz"}, Scaling: Scaling{MinReplicas: 2, MaxReplicas: 10},
		}}
		app.APIVersion, app.Kind = groupVersion.String(), "WebApp"
		return d.send(ctx, http.MethodPost, collections["WebApp"], plainJSON, app, nil)
	}
	return d.timed(ctx, left, submit, func(ctx context.Context) (bool, error) {
		for _, kind := range []string{"ServiceAccount", "ControllerRevision", "Service", "PodDisruptionBudget", "Deployment", "HorizontalPodAutoscaler"} {
			found, err := d.names(ctx, kind, webappLabel)
			if err != nil || len(found.Items) < d.first+d.count {
				return false, err
			}
		}
		return true, nil
	})
}

// ready says of every Deployment what its controller would say once the pods are up.
func (d *driver) ready(ctx context.Context) error {
	left, err := d.watchApps(ctx, func(app *WebApp) bool {
		for _, each := range app.Status.Conditions {
			if each.Type == "Ready" {
				return each.Status == metav1.ConditionTrue
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	found, err := d.names(ctx, "Deployment", webappLabel)
	if err != nil {
		return err
	}
	generations := map[string]int64{}
	for _, each := range found.Items {
		generations[each.Name] = each.Generation
	}
	submit := func(number int) error {
		status := appsv1.DeploymentStatus{
			ObservedGeneration: generations[d.app(number)], Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2,
		}
		return d.send(ctx, http.MethodPatch, collections["Deployment"]+"/"+d.app(number)+"/status", mergePatch, map[string]any{"status": status}, nil)
	}
	return d.timed(ctx, left, submit, nil)
}

func (d *driver) setImage(ctx context.Context, number int, image string) error {
	body := map[string]any{"spec": map[string]any{"image": image}}
	return d.send(ctx, http.MethodPatch, collections["WebApp"]+"/"+d.app(number), mergePatch, body, nil)
}

func (d *driver) update(ctx context.Context) error {
	left, err := d.watchApps(ctx, func(app *WebApp) bool { return app.Spec.Image == d.image })
	if err != nil {
		return err
	}
	submit := func(number int) error { return d.setImage(ctx, number, d.image) }
	return d.timed(ctx, left, submit, func(ctx context.Context) (bool, error) {
		var list appsv1.DeploymentList
		if err := d.send(ctx, http.MethodGet, collections["Deployment"]+"?labelSelector="+webappLabel, "", nil, &list); err != nil {
			return false, err
		}
		updated := 0
		for _, each := range list.Items {
			if each.Spec.Template.Spec.Containers[0].Image == d.image {
				updated++
			}
		}
		return updated >= d.count, nil
	})
}

func (d *driver) services(ctx context.Context) error {
	left := waitFor(d.count, d.app)
	err := watch(ctx, d.api, "Service", func(kind string, each *metav1.PartialObjectMetadata) {
		if kind == "ADDED" {
			left.seen(each.Name)
		}
	})
	if err != nil {
		return err
	}
	submit := func(number int) error {
		return d.send(ctx, http.MethodDelete, collections["Service"]+"/"+d.app(number), "", nil, nil)
	}
	return d.timed(ctx, left, submit, nil)
}

// react changes one image at a time and takes the time from the answer to the write until a watch shows the
// Deployment with it.
func (d *driver) react(ctx context.Context) error {
	seen := make(chan string, 1000)
	err := watch(ctx, d.api, "Deployment", func(_ string, live *appsv1.Deployment) {
		seen <- live.Spec.Template.Spec.Containers[0].Image
	})
	if err != nil {
		return err
	}
	began := time.Now()
	for number := range d.count {
		image := fmt.Sprintf("%s-%d", d.image, number)
		if err := d.setImage(ctx, number, image); err != nil {
			return err
		}
		accepted := time.Now()
		for found := false; !found; {
			select {
			case each := <-seen:
				found = each == image
			case <-ctx.Done():
				return fmt.Errorf("%s has not got its image", d.app(number))
			}
		}
		d.took.LatenciesMS = append(d.took.LatenciesMS, float64(time.Since(accepted).Microseconds())/1000)
		time.Sleep(50 * time.Millisecond)
	}
	d.took.Seconds = time.Since(began).Seconds()
	return nil
}

func (d *driver) watchJobs(ctx context.Context, phase string) (*waiting, error) {
	left := waitFor(d.count, d.job)
	return left, watch(ctx, d.api, "BatchJob", func(_ string, each *BatchJob) {
		if each.Status.Phase == phase {
			left.seen(each.Name)
		}
	})
}

func (d *driver) submit(ctx context.Context) error {
	left, err := d.watchJobs(ctx, "Starting")
	if err != nil {
		return err
	}
	submit := func(number int) error {
		return d.send(ctx, http.MethodPost, collections["BatchJob"], plainJSON, d.batchjob(number), nil)
	}
	return d.timed(ctx, left, submit, func(ctx context.Context) (bool, error) {
		found, err := d.names(ctx, "Job", batchjobLabel)
		return err == nil && len(found.Items) >= d.first+d.count, err
	})
}

// run plays the Job controller and the kubelet: a pod that runs, and a Job that says so.
func (d *driver) run(ctx context.Context) error {
	left, err := d.watchJobs(ctx, "Running")
	if err != nil {
		return err
	}
	found, err := d.names(ctx, "Job", batchjobLabel)
	if err != nil {
		return err
	}
	uids := map[string]types.UID{}
	for _, each := range found.Items {
		uids[each.Name] = each.UID
	}
	submit := func(number int) error {
		name := d.job(number)
		podLabels := labels(batchjobLabel, name, "batchjob")
		podLabels[attemptLabel] = "1"
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name + "-1", Namespace: namespace, Labels: podLabels,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "batch/v1", Kind: "Job", Name: name + "-1", UID: uids[name+"-1"], Controller: ptr.To(true),
				}},
			},
			Spec: podSpec(container("job", "registry.test/job:v1"), sharedAccount),
		}
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		if err := d.send(ctx, http.MethodPost, collections["Pod"], plainJSON, pod, nil); err != nil {
			return err
		}
		now := metav1.NewTime(time.Now())
		state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
		if err := d.setPod(ctx, name+"-1", corev1.PodRunning, state); err != nil {
			return err
		}
		return d.setJob(ctx, name+"-1", batchv1.JobStatus{Active: 1, Ready: ptr.To(int32(1)), StartTime: &now})
	}
	return d.timed(ctx, left, submit, nil)
}

func (d *driver) finish(ctx context.Context) error {
	left, err := d.watchJobs(ctx, "Succeeded")
	if err != nil {
		return err
	}
	submit := func(number int) error {
		name, now := d.job(number)+"-1", metav1.NewTime(time.Now())
		state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
		if err := d.setPod(ctx, name, corev1.PodSucceeded, state); err != nil {
			return err
		}
		done := completed(now)
		delete(done, "startTime")
		return d.setJob(ctx, name, done)
	}
	return d.timed(ctx, left, submit, nil)
}

// completed is what the Job controller says of a Job that has succeeded.
func completed(now metav1.Time) map[string]any {
	conditions := []batchv1.JobCondition{}
	for _, kind := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		conditions = append(conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now, LastProbeTime: now, Reason: batchv1.JobReasonCompletionsReached,
		})
	}
	return map[string]any{
		"active": nil, "ready": 0, "succeeded": 1, "startTime": &now, "completionTime": &now, "conditions": conditions,
	}
}

// history makes BatchJobs that have succeeded before, with their Jobs; no operator may run meanwhile.
func (d *driver) history(ctx context.Context) error {
	began := time.Now()
	err := inParallel(d.count, d.parallel, func(number int) error {
		owner, now := d.batchjob(number), metav1.NewTime(time.Now())
		if err := d.send(ctx, http.MethodPost, collections["BatchJob"], plainJSON, owner, owner); err != nil {
			return err
		}
		live := job(owner)
		if err := d.send(ctx, http.MethodPost, collections["Job"]+"?fieldManager=longshore", plainJSON, live, live); err != nil {
			return err
		}
		if err := d.setJob(ctx, live.Name, completed(now)); err != nil {
			return err
		}
		live.Status.StartTime, live.Status.CompletionTime = &now, &now
		live.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: now}}
		status := batchjobStatus(owner, live)
		status.FinishedAt = &now
		return d.send(ctx, http.MethodPatch, collections["BatchJob"]+"/"+owner.Name+"/status", mergePatch, map[string]any{"status": status}, nil)
	})
	d.took.Seconds = time.Since(began).Seconds()
	return err
}

func (d *driver) batchjob(number int) *BatchJob {
	one := &BatchJob{
		ObjectMeta: metav1.ObjectMeta{Name: d.job(number), Namespace: namespace},
		Spec:       BatchJobSpec{Image: "registry.test/job:v1", Args: []string{"--day", "yesterday"}, Size: "Small", Queue: d.queue},
	}
	one.APIVersion, one.Kind = groupVersion.String(), "BatchJob"
	return one
}

func (d *driver) setPod(ctx context.Context, name string, phase corev1.PodPhase, state corev1.ContainerState) error {
	status := corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "job", Image: "registry.test/job:v1", State: state, Ready: phase == corev1.PodRunning, Started: ptr.To(true),
	}}}
	return d.send(ctx, http.MethodPatch, collections["Pod"]+"/"+name+"/status", mergePatch, map[string]any{"status": status}, nil)
}

func (d *driver) setJob(ctx context.Context, name string, status any) error {
	return d.send(ctx, http.MethodPatch, collections["Job"]+"/"+name+"/status", mergePatch, map[string]any{"status": status}, nil)
}
