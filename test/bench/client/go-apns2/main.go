// Sends notifications with github.com/sideshow/apns2, used as its documentation shows. Each line of
// its input is JSON and gets a line of JSON as its answer: first a target, then tasks.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sideshow/apns2"
	"golang.org/x/net/http2"
)

// Goroutines, each of which waits for its answer before it sends the next.
const inFlight = 1000

type issued struct {
	CertificatePem string
	KeyPem         string
}

type target struct {
	Port       int
	Topic      string
	Tokens     []string
	Expiration int64
	Authority  issued
	Push       issued
}

type task struct {
	First int64
	Count int64
}

// What a task took this process.
type effort struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuSeconds"`
}

func main() {
	input := json.NewDecoder(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	var to target
	check(input.Decode(&to))
	client := open(to)
	check(output.Encode("open"))
	for {
		var next task
		if input.Decode(&next) != nil {
			return
		}
		check(output.Encode(perform(client, to, next)))
	}
}

func open(to target) *apns2.Client {
	certificate, err := tls.X509KeyPair([]byte(to.Push.CertificatePem), []byte(to.Push.KeyPem))
	check(err)
	client := apns2.NewClient(certificate)
	client.Host = fmt.Sprintf("https://localhost:%d", to.Port)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(to.Authority.CertificatePem))
	client.HTTPClient.Transport.(*http2.Transport).TLSClientConfig.RootCAs = roots
	return client
}

func perform(client *apns2.Client, to target, next task) effort {
	start, before := time.Now(), cpuSeconds()
	last := next.First - 1
	var senders sync.WaitGroup
	for i := 0; i < inFlight; i++ {
		senders.Add(1)
		go func() {
			defer senders.Done()
			for n := atomic.AddInt64(&last, 1); n < next.First+next.Count; n = atomic.AddInt64(&last, 1) {
				send(client, to, n)
			}
		}()
	}
	senders.Wait()
	return effort{time.Since(start).Seconds(), cpuSeconds() - before}
}

func send(client *apns2.Client, to target, n int64) {
	response, err := client.Push(&apns2.Notification{
		DeviceToken: to.Tokens[n%int64(len(to.Tokens))],
		Topic:       to.Topic,
		PushType:    apns2.PushTypeAlert,
		Priority:    apns2.PriorityHigh,
		Expiration:  time.Unix(to.Expiration, 0),
		Payload:     []byte(fmt.Sprintf(`{"aps":{"alert":"hello %08d","sound":"default"}}`, n)),
	})
	check(err)
	if !response.Sent() {
		log.Fatal("status ", response.StatusCode)
	}
}

// User and system time of this process.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func seconds(time syscall.Timeval) float64 {
	return float64(time.Sec) + float64(time.Usec)/1e6
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
