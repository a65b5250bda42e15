#include "server/api/tagging_service.h"

#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

std::string Method(const char* name) { return std::string("fintag.v1.TaggingService/") + name; }

}  // namespace

absl::Status TaggingService::Stream(
    grpc::ServerContext& context, Call& call,
    grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>& stream) {
  call.counts_requests = true;
  fintag::v1::TagStreamRequest request;
  std::string model;
  for (int64_t number = 1; environment_.reads.Read(context, stream, request); ++number) {
    if (!request.model().empty()) model = request.model();
    fintag::v1::TagStreamResponse response;
    response.set_request(number);
    const absl::Status status = RunStreamed(environment_, call, [&] {
      return tagging_.Tag(context,
                          {.model = model,
                           .inputs = request.inputs(),
                           .options = request.options(),
                           .caller = call.caller,
                           .trace_id = call.trace_id},
                          *response.mutable_response());
    });
    // The caller's own end is the stream's end; anything else concerns this request alone.
    if (context.IsCancelled()) break;
    if (absl::IsDeadlineExceeded(status)) return status;
    if (!status.ok()) {
      const google::rpc::Status error = ToRpcStatus(status, Method("TagStream"));
      response.mutable_error()->set_code(error.code());
      response.mutable_error()->set_message(error.message());
      *response.mutable_error()->mutable_details() = error.details();
    }
    if (!stream.Write(response)) return absl::CancelledError("the caller went away");
  }
  return StreamEnd(environment_, context);
}

grpc::Status TaggingService::Tag(grpc::ServerContext* context, const fintag::v1::TagRequest* request,
                                 fintag::v1::TagResponse* response) {
  return RunCall(environment_, *context, Method("Tag"), [&](const Call& call) {
    return tagging_.Tag(*context,
                        {.model = request->model(),
                         .inputs = request->inputs(),
                         .options = request->options(),
                         .caller = call.caller,
                         .trace_id = call.trace_id},
                        *response);
  });
}

grpc::Status TaggingService::TagStream(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) {
  return RunCall(environment_, *context, Method("TagStream"),
                 [&](Call& call) { return Stream(*context, call, *stream); });
}

}  // namespace fintag::server
