// Uploaded corpora: files as given and as parsed under DATA/datasets/{id}/, their description in the database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/corpus.h"
#include "core/training/scores.h"
#include "server/storage/database.h"

namespace fintag::server {

struct DatasetPart {
  std::string file_name;
  std::string sha256;  // hex, of the file as given
  int64_t size_bytes = 0;
  int64_t sentences = 0;
  int64_t words = 0;
  int64_t documents = 0;  // 0 where the file marks none
  std::string scheme;
  std::map<std::string, int64_t> entities_by_label;
  int64_t longest_sentence_words = 0;
};

struct Dataset {
  std::string id;
  std::string owner;  // the caller who uploaded it; empty: not known
  int64_t create_time_ms = 0;
  DatasetPart train;
  std::optional<DatasetPart> validation;
  std::vector<std::string> labels;
  std::optional<Scores> word_lookup;
};

// A file as it arrived: already on disk in the registry's incoming folder, its checksum verified by the receiver.
struct ReceivedFile {
  std::string file_name;
  std::string sha256;
  std::filesystem::path path;
};

// A line of a part that could not be read: field "train:12".
struct DatasetLineError {
  std::string field;
  std::string reason;
};

class DatasetRegistry {
 public:
  // `folder` is DATA/datasets; made if it is not there. Left-overs of interrupted uploads are removed.
  static absl::StatusOr<std::unique_ptr<DatasetRegistry>> Open(Database& database, const std::filesystem::path& folder);
  virtual ~DatasetRegistry() = default;

  // A fresh folder for an upload's files; Add takes it over, the caller removes it otherwise.
  virtual absl::StatusOr<std::filesystem::path> MakeIncomingFolder() = 0;

  // Parses, describes, stores as `owner`'s. INVALID_ARGUMENT with every wrong line in `errors`; ALREADY_EXISTS if the
  // id is taken by other content, the stored dataset if by the same.
  virtual absl::StatusOr<Dataset> Add(const std::string& id, const std::string& owner, const ReceivedFile& train,
                                      const std::optional<ReceivedFile>& validation,
                                      std::vector<DatasetLineError>& errors) = 0;
  virtual absl::StatusOr<Dataset> Get(const std::string& id) = 0;  // NOT_FOUND
  virtual absl::StatusOr<std::vector<Dataset>> List(const PageRequest& page, std::string& next_page_token) = 0;
  // FAILED_PRECONDITION names the unfinished jobs that need it.
  virtual absl::Status Delete(const std::string& id) = 0;

  // Parsed files (JSON lines) for the trainer: train.jsonl and, where there is one, validation.jsonl.
  virtual std::filesystem::path Folder(const std::string& id) const = 0;
};

}  // namespace fintag::server
