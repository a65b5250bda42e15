// A client whose code `buf generate` wrote: health, an error, and the entities of one text. The test compares its output.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	pb "contract/fintag/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func main() {
	address, text := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	channel, err := grpc.DialContext(ctx, address, grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()

	health, err := grpc_health_v1.NewHealthClient(channel).Check(
		ctx, &grpc_health_v1.HealthCheckRequest{Service: "fintag.v1.TaggingService"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(health.Status)

	tagging := pb.NewTaggingServiceClient(channel)
	inputs := []*pb.TextInput{{Input: &pb.TextInput_Text{Text: text}}}
	_, err = tagging.Tag(ctx, &pb.TagRequest{Model: "models/nothing", Inputs: inputs})
	fmt.Println(status.Code(err))
	answer, err := tagging.Tag(ctx, &pb.TagRequest{Model: "models/sec", Inputs: inputs})
	if err != nil {
		log.Fatal(err)
	}
	for _, entity := range answer.Results[0].Entities {
		fmt.Printf("%s\t%d\t%d\t%s\n", entity.Label, entity.Start, entity.End, entity.Text)
	}
}
