#include "server/page/api_gateway.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "core/text/strings.h"
#include "server/telemetry/trace_context.h"

namespace fintag::server {
namespace {

// No request holds its thread longer.
constexpr std::chrono::seconds kReadTime(5);
constexpr std::chrono::seconds kTagTime(20);

// As google.rpc.Code's comments have them.
int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

// A list shows each job's best epoch and its latest.
void ShortenJobs(fintag::v1::ListJobsResponse& list) {
  for (fintag::v1::Job& job : *list.mutable_jobs()) {
    auto& epochs = *job.mutable_epochs();
    const auto best = std::find_if(epochs.rbegin(), epochs.rend(), [](const auto& epoch) { return epoch.best(); });
    const int32_t best_epoch = best == epochs.rend() ? 0 : best->epoch();
    const int32_t last_epoch = epochs.empty() ? 0 : epochs.rbegin()->epoch();
    epochs.erase(
        std::remove_if(epochs.begin(), epochs.end(),
                       [&](const auto& epoch) { return epoch.epoch() != best_epoch && epoch.epoch() != last_epoch; }),
        epochs.end());
  }
}

std::string QueryValue(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

std::optional<int64_t> WholeNumber(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What a token is sent in. gRPC would end the process over metadata that is none.
bool IsAuthorization(const std::string& text) {
  constexpr size_t kLongest = 1024;
  return text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

HttpResponse ErrorAnswer(const absl::Status& status) {
  const nlohmann::json error = {
      {"error", {{"code", absl::StatusCodeToString(status.code())}, {"message", std::string(status.message())}}}};
  HttpResponse response;
  response.status = HttpStatus(status.code());
  response.content_type = "application/json";
  response.body = error.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  return response;
}

// One unary call of the API for the request `from`; `shorten` may take from the answer what the page has no use for.
template <typename Stub, typename Request, typename Response>
HttpResponse ApiGateway::Call(const HttpRequest& from, Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request, std::chrono::seconds time, void (*shorten)(Response&)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + time);
  if (const auto token = from.headers.find("authorization"); token != from.headers.end()) {
    if (!IsAuthorization(token->second)) return ErrorAnswer(absl::UnauthenticatedError("this is no token"));
    context.AddMetadata("authorization", token->second);
  }
  const auto given = from.headers.find("traceparent");
  const TraceContext trace = ContinueTrace(given == from.headers.end() ? std::string_view() : given->second);
  context.AddMetadata("traceparent", trace.Traceparent());
  HttpResponse response = Answer(context, stub, method, request, shorten);
  response.headers.emplace_back("traceparent", trace.Traceparent());
  return response;
}

template <typename Stub, typename Request, typename Response>
HttpResponse ApiGateway::Answer(grpc::ClientContext& context, Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, void (*shorten)(Response&)) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return ErrorAnswer(absl::UnavailableError("the server is stopping"));
    under_way_.insert(&context);
  }
  const absl::Cleanup end = [&] {
    const std::lock_guard<std::mutex> lock(mutex_);
    under_way_.erase(&context);
    ended_.notify_all();
  };
  Response message;
  const grpc::Status status = (stub.*method)(&context, request, &message);
  if (!status.ok()) {
    return ErrorAnswer(absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message()));
  }
  shorten(message);
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  HttpResponse response;
  response.content_type = "application/json";
  const auto printed = google::protobuf::util::MessageToJsonString(message, &response.body, options);
  if (!printed.ok()) return ErrorAnswer(absl::InternalError(StrCat("the answer is no JSON: ", printed.ToString())));
  return response;
}

ApiGateway::ApiGateway(const std::shared_ptr<grpc::Channel>& api)
    : jobs_(fintag::v1::TrainingService::NewStub(api)),
      models_(fintag::v1::ModelService::NewStub(api)),
      tagging_(fintag::v1::TaggingService::NewStub(api)) {}

void ApiGateway::Stop(std::chrono::seconds grace) {
  std::unique_lock<std::mutex> lock(mutex_);
  stopped_ = true;
  const auto none = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return under_way_.empty(); };
  if (ended_.wait_for(lock, grace, none)) return;
  for (grpc::ClientContext* context : under_way_) context->TryCancel();
  ended_.wait(lock, none);
}

HttpResponse ApiGateway::ListJobs(const HttpRequest& request) {
  fintag::v1::ListJobsRequest call;
  call.set_page_token(QueryValue(request, "page_token"));
  return Call(request, *jobs_, &fintag::v1::TrainingService::StubInterface::ListJobs, call, kReadTime, ShortenJobs);
}

HttpResponse ApiGateway::GetJob(const std::string& id, const HttpRequest& request) {
  fintag::v1::GetJobRequest call;
  call.set_name("jobs/" + id);
  return Call(request, *jobs_, &fintag::v1::TrainingService::StubInterface::GetJob, call, kReadTime);
}

HttpResponse ApiGateway::ListJobProgress(const std::string& id, const HttpRequest& request) {
  fintag::v1::ListJobProgressRequest call;
  call.set_name("jobs/" + id);
  if (const std::string after = QueryValue(request, "after"); !after.empty()) {
    const std::optional<int64_t> sequence = WholeNumber(after);
    if (!sequence) return ErrorAnswer(absl::InvalidArgumentError("after: must be a whole number"));
    call.set_after_sequence(*sequence);
  }
  return Call(request, *jobs_, &fintag::v1::TrainingService::StubInterface::ListJobProgress, call, kReadTime);
}

HttpResponse ApiGateway::ListModels(const HttpRequest& request) {
  fintag::v1::ListModelsRequest call;
  call.set_page_token(QueryValue(request, "page_token"));
  return Call(request, *models_, &fintag::v1::ModelService::StubInterface::ListModels, call, kReadTime);
}

HttpResponse ApiGateway::Tag(const HttpRequest& request) {
  fintag::v1::TagRequest call;
  const auto parsed = google::protobuf::util::JsonStringToMessage(request.body, &call);
  if (!parsed.ok()) {
    return ErrorAnswer(absl::InvalidArgumentError(
        StrCat("the body is no fintag.v1.TagRequest in JSON: ", std::string(parsed.message()))));
  }
  return Call(request, *tagging_, &fintag::v1::TaggingService::StubInterface::Tag, call, kTagTime);
}

}  // namespace fintag::server
