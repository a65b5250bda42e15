#include "client/connection.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "client/traceparent.h"

namespace fintag::client {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kConnectionUrl[] = "fintag.client/connection";

// When the server wants to be asked again, where it says so.
std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryInfoUrl);
  google::rpc::RetryInfo details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return std::nullopt;
  return absl::Seconds(details.retry_delay().seconds()) + absl::Nanoseconds(details.retry_delay().nanos());
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  // The server says why in details, always; the channel has none.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && status.error_details().empty()) {
    result.SetPayload(kConnectionUrl, absl::Cord());
  }
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) AddDetails(details.details(), result);
  return result;
}

void AddDetails(const google::protobuf::RepeatedPtrField<google::protobuf::Any>& details, absl::Status& status) {
  for (const google::protobuf::Any& any : details) status.SetPayload(any.type_url(), absl::Cord(any.value()));
}

std::vector<FieldViolation> FieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return violations;
  for (const auto& violation : details.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  return violations;
}

bool IsConnectionTrouble(const absl::Status& status) { return status.GetPayload(kConnectionUrl).has_value(); }

bool IsFinal(fintag::v1::JobState state) {
  return state == fintag::v1::JOB_STATE_CANCELLED || state == fintag::v1::JOB_STATE_SUCCEEDED ||
         state == fintag::v1::JOB_STATE_FAILED;
}

std::string FullName(const std::string& collection, const std::string& name) {
  return name.rfind(collection + "/", 0) == 0 ? name : collection + "/" + name;
}

std::string IdOf(const std::string& collection, const std::string& name) {
  return name.rfind(collection + "/", 0) == 0 ? name.substr(collection.size() + 1) : name;
}

absl::Duration Backoff::Next(const absl::Status& reason) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const absl::Duration delay = base_ * std::uniform_real_distribution<double>(0.8, 1.2)(random);
  base_ = std::min(base_ * 2, absl::Seconds(2));
  const absl::Duration asked = RetryDelay(reason).value_or(absl::ZeroDuration());
  return std::max(delay, asked * std::uniform_real_distribution<double>(1.0, 1.2)(random));
}

bool MayRepeat(const absl::Status& status, Repeat repeat) {
  if (repeat == Repeat::kNever) return false;
  // Without a time to try again, waiting does not help: a message that is too large stays so.
  const bool full = absl::IsResourceExhausted(status) && RetryDelay(status).has_value();
  return absl::IsUnavailable(status) || (repeat == Repeat::kFull && full);
}

bool IsAnswer(const absl::Status& status) { return status.GetPayload(kErrorInfoUrl).has_value(); }

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(const Options& options) {
  if (!options.traceparent.empty() && !IsTraceparent(options.traceparent)) {
    return absl::InvalidArgumentError(
        absl::StrCat("traceparent must be as 00-TRACE-SPAN-FLAGS of the W3C's Trace "
                     "Context, is \"",
                     options.traceparent, "\""));
  }
  grpc::ChannelArguments arguments = ArgumentsFor(options.server);
  // Retries are ours, so the channel must be ready to connect again at each.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Finds out about a peer that vanished during a long watch; servers allow a ping every five minutes.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 330'000);
  arguments.SetUserAgentPrefix("fintag-client");
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = MakeChannel(options.server, options.security, arguments);
  if (!channel.ok()) return channel.status();
  return std::shared_ptr<Connection>(new Connection(options, *std::move(channel)));
}

Connection::Connection(const Options& given, std::shared_ptr<grpc::Channel> opened)
    : options(given),
      channel(std::move(opened)),
      datasets(fintag::v1::DatasetService::NewStub(channel)),
      models(fintag::v1::ModelService::NewStub(channel)),
      training(fintag::v1::TrainingService::NewStub(channel)),
      tagging(fintag::v1::TaggingService::NewStub(channel)),
      admin(fintag::v1::AdminService::NewStub(channel)) {}

absl::Status Connection::Run(absl::Duration timeout, Repeat repeat,
                             const std::function<absl::Status(grpc::ClientContext&)>& call) {
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + timeout;
  const absl::Time retry_until = start + std::min(timeout, options.retry_for);
  Backoff backoff;
  for (;;) {
    absl::Status status;
    {
      ActiveCall active(*this);
      active.context.set_deadline(absl::ToChronoTime(deadline));
      status = call(active.context);
    }
    if (status.ok()) return status;
    if (cancelled()) return absl::CancelledError("interrupted");
    if (!MayRepeat(status, repeat)) return status;
    if (absl::Status wait = WaitToRetry(status, backoff, retry_until); !wait.ok()) return wait;
  }
}

absl::Status Connection::WaitToRetry(const absl::Status& reason, Backoff& backoff, absl::Time until) {
  const absl::Duration delay = backoff.Next(reason);
  if (absl::Now() + delay >= until) return reason;
  if (options.on_retry) options.on_retry(reason, delay);
  absl::MutexLock lock(&mutex_);
  const bool cancelled = mutex_.AwaitWithTimeout(absl::Condition(&cancelled_), delay);
  return cancelled ? absl::CancelledError("interrupted") : absl::OkStatus();
}

void Connection::CancelAll() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  for (grpc::ClientContext* context : active_) context->TryCancel();
}

bool Connection::cancelled() const {
  absl::MutexLock lock(&mutex_);
  return cancelled_;
}

ActiveCall::ActiveCall(Connection& connection) : connection_(connection) {
  absl::MutexLock lock(&connection_.mutex_);
  connection_.active_.insert(&context);
  const std::string& trace = connection_.options.traceparent;
  context.AddMetadata("traceparent", trace.empty() ? NewTraceparent() : trace);
  if (connection_.cancelled_) context.TryCancel();
}

ActiveCall::~ActiveCall() {
  absl::MutexLock lock(&connection_.mutex_);
  connection_.active_.erase(&context);
}

}  // namespace fintag::client
