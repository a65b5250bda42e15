// The client library of Fintag: every call of the service, with deadlines, retries, file transfer and checksums taken
// care of. This is the only header to include; CLIENT.md has an example.
//
// Resources may be named in full ("datasets/fin", "models/tagger/versions/2") or by their id alone ("fin", "tagger").
// Every error is an absl::Status with the server's code and message; FieldViolations() lists the fields that were
// wrong. A call on a server that cannot be reached fails with UNAVAILABLE, see IsConnectionTrouble().
#pragma once

#include <fintag/v1/admin.pb.h>
#include <fintag/v1/dataset.pb.h>
#include <fintag/v1/model.pb.h>
#include <fintag/v1/tagging.pb.h>
#include <fintag/v1/training.pb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace fintag::client {

// How a server is spoken to. Files are PEM, and read by Client::Connect.
struct Security {
  bool tls = false;                   // by the certificates that this machine trusts
  std::string ca_file = "";           // TLS, by those of this file
  std::string certificate_file = "";  // TLS, with a certificate of the client's own
  std::string key_file = "";          // its key
  std::string token = "";             // sent with every call, encrypted or to this machine
  bool insecure_token = false;        // also where nothing here encrypts the connection

  bool encrypted() const { return tls || !ca_file.empty() || !certificate_file.empty(); }
};

struct Options {
  // "HOST:PORT", "[IPV6]:PORT" or "unix:PATH".
  std::string server = "localhost:50051";
  Security security = {};
  // Sent with every call: the trace (W3C Trace Context, "00-...") that they belong to. Empty: a new one for each call.
  std::string traceparent = {};
  // Of one call with one answer, its retries included; of TagLines, of the wait for each answer. DEADLINE_EXCEEDED
  // after that.
  absl::Duration timeout = absl::Seconds(30);
  // Of an upload, an import, an export or a backup.
  absl::Duration transfer_timeout = absl::Minutes(10);
  // How long a call that is safe to repeat is repeated while the server cannot be reached (UNAVAILABLE) or, for
  // tagging, is full and says when to try again (RESOURCE_EXHAUSTED with RetryInfo); not where that is later.
  absl::Duration retry_for = absl::Seconds(10);
  // How long WatchJob tries to come back to a server it has lost.
  absl::Duration reconnect_for = absl::Seconds(60);
  // Told of each retry: why, and how long it waits before. Called on the thread of the call.
  std::function<void(const absl::Status& reason, absl::Duration delay)> on_retry = nullptr;
};

// Bytes sent or received so far, of how many. Called on the thread of the call, once a chunk.
using TransferProgress = std::function<void(int64_t done_bytes, int64_t total_bytes)>;

// So many wrong lines of a dataset are listed at most.
inline constexpr int32_t kMostDatasetErrors = 100;

struct DatasetFiles {
  std::string train;                      // path
  std::optional<std::string> validation;  // path
};

struct ImportedModel {
  fintag::v1::ModelVersion version;
  std::vector<std::string> sent;      // file names
  std::vector<std::string> left_out;  // of the folder, as the service has no use for them
};

struct ExportedModel {
  std::string name;                // "models/{id}/versions/{n}"
  std::vector<std::string> files;  // names within the folder
  int64_t size_bytes = 0;
};

struct BackupFile {
  fintag::v1::BackupStart content;  // what is in it
  int64_t size_bytes = 0;
  std::string sha256;
};

struct CreateJobOptions {
  // Makes a retry return the same job. Empty: a random one, so that the call's own retries are safe.
  std::string request_id;
  // Checks everything, stores nothing.
  bool validate_only = false;
};

// The wrong field of a request and what is wrong: "spec.options.epochs", "train:12".
struct FieldViolation {
  std::string field;
  std::string reason;
};
// Those the server named; empty if it named none.
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

// The server could not be reached, as opposed to answering that it is unavailable.
bool IsConnectionTrouble(const absl::Status& status);

// The server itself answered with this error, as opposed to this library or what lies between.
bool IsAnswer(const absl::Status& status);

// What grpc.health.v1 says of a server or one of its services.
enum class Health { kServing, kNotServing, kUnknown };

// CANCELLED, SUCCEEDED or FAILED: a job in it changes no more.
bool IsFinal(fintag::v1::JobState state);

// Where TagLines takes its lines from.
class LineSource {
 public:
  struct Line {
    std::string text;       // without "\n" or "\r\n"
    bool too_long = false;  // text is only its start
  };
  virtual ~LineSource() = default;
  // Gives the next line; false at the end of the input, and after Stop.
  virtual absl::StatusOr<bool> Next(Line& line) = 0;
  // Next would have to wait for input: what is there already should be tagged meanwhile.
  virtual bool MustWait() = 0;
  // From any thread: ends a Next that waits.
  virtual void Stop() = 0;
};
// Lines of the file `path`, "-" for the standard input, in constant memory. What a line has beyond `longest_line` bytes
// is dropped and the line marked. NOT_FOUND or PERMISSION_DENIED with the path.
absl::StatusOr<std::unique_ptr<LineSource>> OpenLines(const std::string& path, int64_t longest_line = 1 << 20);

struct TagLinesOptions {
  fintag::v1::TagOptions tag;
  // A request holds this many lines or bytes of text at most (a longer line goes alone).
  int32_t batch_lines = 64;
  int64_t batch_bytes = 64 << 10;
  // Requests under way at once.
  int32_t batches_in_flight = 4;
};

struct TaggedLine {
  int64_t number = 0;  // from 1
  std::string text;
  std::string model_version;  // empty if it was not sent (an empty line) or failed
  absl::StatusOr<fintag::v1::TaggedText> result = fintag::v1::TaggedText();
};

// One connection to one server. Copies share it. Safe to use from many threads.
class Client {
 public:
  // INVALID_ARGUMENT if the address is malformed, or options.security asks for what cannot be; the error of a file that
  // cannot be read. Nothing is sent yet: a server that is not there shows at the first
  // call.
  static absl::StatusOr<Client> Connect(const Options& options);

  const Options& options() const;

  // Ends every call under way with CANCELLED, from any thread; later calls end so too.
  void CancelAll();

  // Of the server as a whole, or of one service by its full name ("fintag.v1.TaggingService"). Asked once, never
  // repeated. NOT_FOUND if the server has no such service.
  absl::StatusOr<Health> CheckHealth(const std::string& service = "");

  // NOT_FOUND if a file is missing; INVALID_ARGUMENT with a violation per wrong line ("train:12"), the first
  // kMostDatasetErrors. Repeatable: the server knows the same content again.
  absl::StatusOr<fintag::v1::Dataset> UploadDataset(const std::string& dataset, const DatasetFiles& files,
                                                    const TransferProgress& progress = nullptr);
  absl::StatusOr<fintag::v1::Dataset> GetDataset(const std::string& dataset);
  // Newest first, all pages; at most `limit`, unless that is 0.
  absl::StatusOr<std::vector<fintag::v1::Dataset>> ListDatasets(int32_t limit = 0);
  absl::Status DeleteDataset(const std::string& dataset);

  // Sends the files of a Hugging Face folder that matter: configuration, vocabulary, tokenizer and weights
  // (safetensors, or pytorch_model.bin where there are none).
  absl::StatusOr<ImportedModel> ImportModel(const std::string& model, const std::string& folder,
                                            const TransferProgress& progress = nullptr);
  // Writes a version (the newest, if `model` names none) into `folder`, which must be absent or empty: first into a
  // folder beside it, renamed when every checksum is right. ALREADY_EXISTS, DATA_LOSS for a wrong checksum.
  absl::StatusOr<ExportedModel> ExportModel(const std::string& model, const std::string& folder,
                                            const TransferProgress& progress = nullptr);
  absl::StatusOr<fintag::v1::Model> GetModel(const std::string& model);
  absl::StatusOr<std::vector<fintag::v1::Model>> ListModels(int32_t limit = 0);
  // A model with all its versions, or one version.
  absl::Status DeleteModel(const std::string& model);

  // Writes all that the server stores into `file`, which is replaced if it is there, once the new one is whole: then
  // its checksum is right and it is on the disk. DATA_LOSS for a wrong checksum.
  absl::StatusOr<BackupFile> Backup(const std::string& file, const TransferProgress& progress = nullptr);

  // INVALID_ARGUMENT with a violation per wrong field.
  absl::StatusOr<fintag::v1::Job> CreateJob(const fintag::v1::JobSpec& spec, const CreateJobOptions& options = {});
  absl::StatusOr<fintag::v1::Job> GetJob(const std::string& job);
  absl::StatusOr<std::vector<fintag::v1::Job>> ListJobs(int32_t limit = 0);
  absl::StatusOr<fintag::v1::Job> CancelJob(const std::string& job);
  absl::Status DeleteJob(const std::string& job);
  // Gives every event after `after_sequence` to `on_event`, those to come too, and returns the job when it has ended.
  // Comes back by itself to a server that was lost, where it stood. CANCELLED once `on_event` returns false.
  absl::StatusOr<fintag::v1::Job> WatchJob(const std::string& job, int64_t after_sequence,
                                           const std::function<bool(const fintag::v1::JobEvent&)>& on_event);

  // INVALID_ARGUMENT if a text is not UTF-8. Waits and tries again while the server is full (Options::retry_for).
  absl::StatusOr<fintag::v1::TagResponse> Tag(const std::string& model, const std::vector<std::string>& texts,
                                              const fintag::v1::TagOptions& options = {});
  // The same for sentences that are split into words already; entities' offsets are those of their join by one space.
  absl::StatusOr<fintag::v1::TagResponse> TagWords(const std::string& model,
                                                   const std::vector<std::vector<std::string>>& sentences,
                                                   const fintag::v1::TagOptions& options = {});
  // Tags lines without end in constant memory, one text a line, and gives each to `on_line` in order. A line that
  // fails says so in its result and the rest goes on; an error that would meet every line (no such model, no server)
  // is returned. CANCELLED once `on_line` returns false.
  absl::Status TagLines(const std::string& model, LineSource& lines, const TagLinesOptions& options,
                        const std::function<bool(TaggedLine)>& on_line);

 private:
  friend class LineTagging;
  explicit Client(std::shared_ptr<class Connection> connection) : connection_(std::move(connection)) {}

  std::shared_ptr<class Connection> connection_;
};

}  // namespace fintag::client
