package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (d *driver) postBatchJob(ctx context.Context) func(int) error {
	return func(number int) error {
		return d.send(ctx, http.MethodPost, collections["BatchJob"], plainJSON, d.batchjob(number), nil)
	}
}

// post submits BatchJobs and waits for nothing but the answers.
func (d *driver) post(ctx context.Context) error {
	began := time.Now()
	err := inParallel(d.count, d.parallel, d.postBatchJob(ctx))
	d.took.Seconds = time.Since(began).Seconds()
	d.took.SubmittedSeconds = d.took.Seconds
	return err
}

// enqueue submits BatchJobs and waits until each is told where it stands.
func (d *driver) enqueue(ctx context.Context) error {
	left := waitFor(d.count, d.job)
	err := watch(ctx, d.api, "BatchJob", func(_ string, each *BatchJob) {
		if each.Status.Phase != "" {
			left.seen(each.Name)
		}
	})
	if err != nil {
		return err
	}
	return d.timed(ctx, left, d.postBatchJob(ctx), nil)
}

// plain submits Jobs without anything of Longshore, and waits until the Job controller says that each has its pod.
func (d *driver) plain(ctx context.Context) error {
	left := waitFor(d.count, d.job)
	err := watch(ctx, d.api, "Job", func(_ string, each *batchv1.Job) {
		if each.Status.Active == 1 {
			left.seen(each.Name)
		}
	})
	if err != nil {
		return err
	}
	return d.timed(ctx, left, func(number int) error {
		one := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: d.job(number), Namespace: namespace}}
		one.Spec.Template.Spec = podSpec(container("job", "registry.test/job:v1"), "default")
		one.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		return d.send(ctx, http.MethodPost, collections["Job"], plainJSON, one, nil)
	}, nil)
}

// slots says of one Job after the other that it is complete, and takes the time from the answer until a watch shows
// the Job of whoever was admitted in its place.
func (d *driver) slots(ctx context.Context) error {
	seen := make(chan string, 1000)
	err := watch(ctx, d.api, "Job", func(kind string, live *batchv1.Job) {
		if kind == "ADDED" {
			seen <- live.Name
		}
	})
	if err != nil {
		return err
	}
	var list batchv1.JobList
	if err := d.send(ctx, http.MethodGet, collections["Job"]+"?labelSelector="+batchjobLabel, "", nil, &list); err != nil {
		return err
	}
	running := slices.DeleteFunc(list.Items, func(each batchv1.Job) bool { return each.Status.CompletionTime != nil })
	if len(running) < d.count {
		return fmt.Errorf("%d Jobs run, not %d", len(running), d.count)
	}
	began := time.Now()
	for _, each := range running[:d.count] {
		now := metav1.Now()
		state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
		if err := d.setPod(ctx, each.Name, corev1.PodSucceeded, state); err != nil {
			return err
		}
		done := completed(now)
		delete(done, "startTime")
		if err := d.setJob(ctx, each.Name, done); err != nil {
			return err
		}
		accepted := time.Now()
		select {
		case <-seen:
		case <-ctx.Done():
			return fmt.Errorf("nobody was admitted when %s had ended", each.Name)
		}
		d.took.LatenciesMS = append(d.took.LatenciesMS, float64(time.Since(accepted).Microseconds())/1000)
		time.Sleep(50 * time.Millisecond)
	}
	d.took.Seconds = time.Since(began).Seconds()
	return nil
}
