// TagLines: an input thread, a writer thread and the caller's thread as reader, with a bounded window of batches
// between them. What the stream refuses goes through Tag, which waits for a full server; a stream that breaks is
// opened again and everything unanswered sent again.
#include <grpcpp/alarm.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/batch_window.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/line_batches.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

using Stream = grpc::ClientReaderWriter<fintag::v1::TagStreamRequest, fintag::v1::TagStreamResponse>;
using OnLine = std::function<bool(TaggedLine)>;

// Errors that every other line would meet too.
bool EndsAll(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kCancelled:
      return true;
    case absl::StatusCode::kInvalidArgument:
      return std::string(status.message()).rfind("model:", 0) == 0;
    default:
      return IsConnectionTrouble(status);
  }
}

absl::StatusOr<fintag::v1::TagResponse> Outcome(fintag::v1::TagStreamResponse& answer) {
  if (answer.has_response()) return std::move(*answer.mutable_response());
  if (answer.error().code() == 0) return absl::InternalError("the server answered with neither result nor error");
  absl::Status status(static_cast<absl::StatusCode>(answer.error().code()), answer.error().message());
  AddDetails(answer.error().details(), status);
  return status;
}

// Cancels a call that makes its reader wait for longer than `patience`. A deadline of the whole call would end a
// stream that is only long.
class AnswerTimer {
 public:
  AnswerTimer(grpc::ClientContext& context, absl::Duration patience) {
    alarm_.Set(absl::ToChronoTime(absl::Now() + patience), [this, &context](bool rang) {
      if (rang) context.TryCancel();
      rang_ = rang;
      done_.Notify();
    });
  }
  ~AnswerTimer() { Rang(); }
  AnswerTimer(const AnswerTimer&) = delete;
  AnswerTimer& operator=(const AnswerTimer&) = delete;

  // Ends the wait and says whether it was too long.
  bool Rang() {
    alarm_.Cancel();
    done_.WaitForNotification();
    return rang_;
  }

 private:
  bool rang_ = false;
  absl::Notification done_;
  grpc::Alarm alarm_;
};

}  // namespace

class LineTagging {
 public:
  LineTagging(Client client, const std::string& model, const TagLinesOptions& options, const OnLine& on_line)
      : client_(std::move(client)),
        connection_(*client_.connection_),
        model_(FullName("models", model)),
        options_(options),
        on_line_(on_line),
        patience_(std::min(connection_.options.retry_for, connection_.options.timeout)),
        window_(static_cast<size_t>(std::max(options.batches_in_flight, 1)),
                [this] { return connection_.cancelled(); }) {}

  absl::Status Run(LineSource& lines) {
    std::thread input([&] {
      LineBatches batches(lines, options_);
      Batch batch;
      absl::StatusOr<bool> more = true;
      while ((more = batches.Next(batch)).ok() && *more && window_.Append(std::move(batch))) {
      }
      window_.Close(more.status());
    });
    absl::Status status = RunStreams();
    window_.Abort();
    lines.Stop();
    input.join();
    return status.ok() ? window_.input_status() : status;
  }

 private:
  absl::Status RunStreams() {
    // Until there is something to send no server is needed, and a silent input is no silent server.
    Batch* first = nullptr;
    while ((first = window_.Front()) != nullptr && !first->HasLinesToSend()) {
      if (absl::Status status = Deliver(*first, {}, ""); !status.ok()) return status;
      window_.PopFront();
    }
    if (first == nullptr) return InputEnd();
    Backoff backoff;
    absl::Time lost = absl::Now();
    for (;;) {
      bool progress = false;
      const absl::Status status = RunStream(progress);
      if (status.ok() || connection_.cancelled() || !MayRepeat(status, Repeat::kFull)) return status;
      if (progress) {
        lost = absl::Now();
        backoff = Backoff();
      }
      if (absl::Status wait = connection_.WaitToRetry(status, backoff, lost + patience_); !wait.ok()) return wait;
      window_.ResumeSending();
    }
  }

  absl::Status RunStream(bool& progress) {
    ActiveCall active(connection_);
    const std::unique_ptr<Stream> stream = connection_.tagging->TagStream(&active.context);
    std::thread writer([&] {
      while (std::optional<std::vector<std::string>> texts = window_.NextToSend()) {
        fintag::v1::TagStreamRequest request;
        request.set_model(model_);
        *request.mutable_options() = options_.tag;
        for (std::string& text : *texts) request.add_inputs()->set_text(std::move(text));
        if (!stream->Write(request)) return;
      }
      stream->WritesDone();
    });
    bool broken = false;
    const absl::Status answered = ReadAnswers(*stream, active.context, broken, progress);
    window_.PauseSending();
    if (!answered.ok()) active.context.TryCancel();
    writer.join();
    if (!broken) {
      const AnswerTimer timer(active.context, connection_.options.timeout);
      fintag::v1::TagStreamResponse rest;
      while (stream->Read(&rest)) {
      }
      stream->Finish().ok();  // all is answered: how the stream ends matters no more
      return answered;
    }
    const absl::Status status = FromGrpc(stream->Finish());
    return status.ok() ? absl::UnavailableError("the server closed the stream before all was answered") : status;
  }

  absl::Status ReadAnswers(Stream& stream, grpc::ClientContext& context, bool& broken, bool& progress) {
    while (Batch* batch = window_.Front()) {
      std::vector<absl::StatusOr<fintag::v1::TaggedText>> results;
      std::string model_version;
      if (batch->HasLinesToSend()) {
        fintag::v1::TagStreamResponse answer;
        const absl::Duration patience = connection_.options.timeout;
        AnswerTimer timer(context, patience);
        const bool read = stream.Read(&answer);
        if (timer.Rang()) {
          return absl::DeadlineExceededError(absl::StrCat("no answer within ", absl::FormatDuration(patience)));
        }
        if (!read) {
          broken = true;
          return absl::OkStatus();
        }
        progress = true;
        results = Results(*batch, answer, model_version);
      }
      if (absl::Status status = Deliver(*batch, std::move(results), model_version); !status.ok()) return status;
      window_.PopFront();
    }
    return InputEnd();
  }

  // When no batch comes any more.
  absl::Status InputEnd() const {
    return connection_.cancelled() ? absl::CancelledError("interrupted") : absl::OkStatus();
  }

  // One result for each line that was sent.
  std::vector<absl::StatusOr<fintag::v1::TaggedText>> Results(const Batch& batch, fintag::v1::TagStreamResponse& answer,
                                                              std::string& model_version) {
    const std::vector<std::string> texts = batch.TextsToSend();
    absl::StatusOr<fintag::v1::TagResponse> response = Outcome(answer);
    if (MayRepeat(response.status(), Repeat::kFull)) {
      Backoff backoff;
      const absl::Status wait = connection_.WaitToRetry(response.status(), backoff, absl::Now() + patience_);
      response = wait.ok() ? client_.Tag(model_, texts, options_.tag) : wait;
    }
    std::vector<absl::StatusOr<fintag::v1::TaggedText>> results;
    if (absl::IsInvalidArgument(response.status()) && texts.size() > 1 && !EndsAll(response.status())) {
      // One bad line must not take the others with it. Where there is no room for calls beside the stream, the lines
      // need not wait for it one after the other.
      absl::StatusOr<fintag::v1::TagResponse> one;
      for (const std::string& text : texts) {
        if (!absl::IsResourceExhausted(one.status())) one = client_.Tag(model_, {text}, options_.tag);
        Add(one, 1, model_version, results);
      }
    } else {
      Add(std::move(response), texts.size(), model_version, results);
    }
    return results;
  }

  static void Add(absl::StatusOr<fintag::v1::TagResponse> response, size_t expected, std::string& model_version,
                  std::vector<absl::StatusOr<fintag::v1::TaggedText>>& results) {
    if (response.ok() && static_cast<size_t>(response->results_size()) != expected) {
      response = absl::InternalError(
          absl::StrCat("the server answered ", response->results_size(), " of ", expected, " texts"));
    }
    for (size_t i = 0; i < expected; ++i) {
      if (response.ok()) {
        results.emplace_back(std::move(*response->mutable_results(static_cast<int>(i))));
      } else {
        results.emplace_back(response.status());
      }
    }
    if (response.ok()) model_version = response->model_version();
  }

  absl::Status Deliver(Batch& batch, std::vector<absl::StatusOr<fintag::v1::TaggedText>> results,
                       const std::string& model_version) {
    size_t next = 0;
    for (BatchLine& line : batch.lines) {
      TaggedLine tagged;
      tagged.number = line.number;
      tagged.text = std::move(line.text);
      if (line.sent) {
        tagged.result = std::move(results[next++]);
        if (tagged.result.ok()) tagged.model_version = model_version;
        if (!tagged.result.ok() && EndsAll(tagged.result.status())) return tagged.result.status();
      } else if (!line.problem.ok()) {
        tagged.result = line.problem;
      }
      if (!on_line_(std::move(tagged))) return absl::CancelledError("no more lines are wanted");
    }
    return absl::OkStatus();
  }

  Client client_;
  Connection& connection_;
  const std::string model_;
  const TagLinesOptions options_;
  const OnLine& on_line_;
  const absl::Duration patience_;  // with a server that is away or full
  BatchWindow window_;
};

absl::Status Client::TagLines(const std::string& model, LineSource& lines, const TagLinesOptions& options,
                              const std::function<bool(TaggedLine)>& on_line) {
  if (FindInvalidUtf8(model).has_value()) return absl::InvalidArgumentError("the model's name is not UTF-8");
  return LineTagging(*this, model, options, on_line).Run(lines);
}

}  // namespace fintag::client
