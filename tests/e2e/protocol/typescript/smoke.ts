// A client whose code `buf generate` wrote: health, an error, and the entities of one text. The test compares its output.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { TaggingService } from "./gen/fintag/v1/tagging_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.js";

const [address, text] = process.argv.slice(2);
const transport = createGrpcTransport({ baseUrl: `http://${address}` });
const inputs = [{ input: { case: "text" as const, value: text } }];

const { status } = await createClient(Health, transport).check({ service: TaggingService.typeName });
console.log(HealthCheckResponse_ServingStatus[status]);

const tagging = createClient(TaggingService, transport);
await tagging.tag({ model: "models/nothing", inputs }).catch((error: ConnectError) => console.log(Code[error.code]));
const { results } = await tagging.tag({ model: "models/sec", inputs }, { timeoutMs: 60_000 });
for (const entity of results[0].entities) {
  console.log([entity.label, entity.start, entity.end, entity.text].join("\t"));
}
