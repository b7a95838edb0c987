package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	applyPatch = "application/apply-patch+yaml"
	mergePatch = "application/merge-patch+json"
	plainJSON  = "application/json"
	metaOnly   = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	namespace  = "default"
)

// collections are the paths of all kinds in the namespace of the load.
var collections = map[string]string{
	"WebApp":                  "/apis/longshore.dev/v1alpha1/namespaces/default/webapps",
	"BatchJob":                "/apis/longshore.dev/v1alpha1/namespaces/default/batchjobs",
	"ServiceAccount":          "/api/v1/namespaces/default/serviceaccounts",
	"Service":                 "/api/v1/namespaces/default/services",
	"Pod":                     "/api/v1/namespaces/default/pods",
	"Event":                   "/api/v1/namespaces/default/events",
	"ControllerRevision":      "/apis/apps/v1/namespaces/default/controllerrevisions",
	"Deployment":              "/apis/apps/v1/namespaces/default/deployments",
	"Job":                     "/apis/batch/v1/namespaces/default/jobs",
	"HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
	"PodDisruptionBudget":     "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
}

// api sends requests with nothing in between: no codec, no rate limit, no retry.
type api struct {
	http *http.Client
	base string
}

func connect() (*api, error) {
	config := ctrl.GetConfigOrDie()
	client, err := rest.HTTPClientFor(config)
	return &api{http: client, base: config.Host}, err
}

func (a *api) send(ctx context.Context, method, path, contentType string, body any, into any) error {
	var data []byte
	if raw, ok := body.([]byte); ok {
		data = raw
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		data = encoded
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if data != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if _, partial := into.(*partialList); partial {
		request.Header.Set("Accept", metaOnly)
	}
	answer, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		told, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("%s %s: %s", method, path, told)
	}
	if into != nil {
		return json.NewDecoder(answer.Body).Decode(into)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (a *api) apply(ctx context.Context, path string, manager string, body any) error {
	return a.send(ctx, http.MethodPatch, path+"?force=true&fieldManager="+manager, applyPatch, body, nil)
}

type partialList struct {
	Metadata metav1.ListMeta                `json:"metadata"`
	Items    []metav1.PartialObjectMetadata `json:"items"`
}

// names lists the names of a kind, the objects of others left out.
func (a *api) names(ctx context.Context, kind, selector string) (*partialList, error) {
	var list partialList
	return &list, a.send(ctx, http.MethodGet, collections[kind]+"?labelSelector="+selector, "", nil, &list)
}

type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// watch calls back for each event of a kind from now on; it returns as soon as the watch is open. The server ends
// watches of clients that are slow for a moment: it is taken up where it ended.
func watch[T any](ctx context.Context, a *api, kind string, seen func(string, *T)) error {
	var list partialList
	if err := a.send(ctx, http.MethodGet, collections[kind]+"?limit=1", "", nil, &list); err != nil {
		return err
	}
	version := list.Metadata.ResourceVersion
	open := func() (*http.Response, error) {
		path := collections[kind] + "?watch=true&allowWatchBookmarks=true&timeoutSeconds=7200&resourceVersion=" + version
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
		if err != nil {
			return nil, err
		}
		return a.http.Do(request)
	}
	answer, err := open()
	if err != nil {
		return err
	}
	go func() {
		for ctx.Err() == nil {
			for decoder := json.NewDecoder(answer.Body); ; {
				var each event
				if err := decoder.Decode(&each); err != nil {
					break
				}
				var held metav1.PartialObjectMetadata
				object := new(T)
				if json.Unmarshal(each.Object, &held) != nil || json.Unmarshal(each.Object, object) != nil || each.Type == "ERROR" {
					panic(fmt.Sprintf("watch of %s: %s", kind, each.Object))
				}
				version = held.ResourceVersion
				if each.Type != "BOOKMARK" {
					seen(each.Type, object)
				}
			}
			answer.Body.Close()
			if answer, err = open(); err != nil && ctx.Err() == nil {
				panic(err)
			}
		}
	}()
	return nil
}

// inParallel runs the work for 0..count-1 by so many at once, and returns the first error.
func inParallel(count, workers int, work func(int) error) error {
	numbers, failed := make(chan int), make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for number := range numbers {
				if err := work(number); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for number := range count {
		numbers <- number
	}
	close(numbers)
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
