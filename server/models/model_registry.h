// Models and their versions: checkpoint folders under DATA/models/{id}/{version}/, their description in the database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/training/scores.h"
#include "server/storage/database.h"

namespace fintag::server {

struct ModelArchitecture {
  std::string model_type = "bert";
  int64_t parameters = 0;
  int64_t layers = 0;
  int64_t hidden_size = 0;
  int64_t heads = 0;
  int64_t intermediate_size = 0;
  int64_t vocabulary_size = 0;
  int64_t max_positions = 0;
};

struct ModelVersion {
  std::string model;    // id
  int64_t version = 0;  // from 1
  std::string owner;    // the caller who imported it or made its job; empty: not known
  int64_t create_time_ms = 0;
  ModelArchitecture architecture;
  std::vector<std::string> tags;  // empty: a base encoder
  std::optional<Scores> scores;
  std::optional<EntityScores> unseen;
  std::optional<Scores> word_lookup;
  std::string job;      // "jobs/x" or empty
  std::string base;     // "models/x/versions/1" or empty
  std::string dataset;  // "datasets/x" or empty
  int64_t size_bytes = 0;
  std::string weights_sha256;
  std::vector<std::string> notes;

  bool is_base() const { return tags.empty(); }
  std::string name() const { return "models/" + model + "/versions/" + std::to_string(version); }
};

// A deleted model can come back under the same name, its first version with other weights.
bool IsSame(const ModelVersion& a, const ModelVersion& b);

struct Model {
  std::string id;
  int64_t create_time_ms = 0;
  std::vector<ModelVersion> versions;  // newest first
};

// Where a version comes from: whose it is and, of a trained one, what it was made of.
struct ModelOrigin {
  std::string owner;
  std::string job;
  std::string base;
  std::string dataset;
  std::optional<Scores> scores;
  std::optional<EntityScores> unseen;
  std::optional<Scores> word_lookup;
};

class ModelRegistry {
 public:
  // `folder` is DATA/models; made if it is not there. Left-overs of interrupted imports are removed.
  static absl::StatusOr<std::unique_ptr<ModelRegistry>> Open(Database& database, const std::filesystem::path& folder);
  virtual ~ModelRegistry() = default;

  // A fresh folder for an import's files.
  virtual absl::StatusOr<std::filesystem::path> MakeIncomingFolder() = 0;

  // Checks the checkpoint in `incoming` (config, every tensor, tokenizer) and takes the folder over as the next version
  // of `id`. `request_id` may be empty; if it was used for this model before, that version is returned and `incoming`
  // removed. A job's version (origin.job) is added at most once, whatever happens between.
  virtual absl::StatusOr<ModelVersion> Add(const std::string& id, const std::filesystem::path& incoming,
                                           const ModelOrigin& origin, const std::string& request_id) = 0;
  // The version that Add made for this request: NOT_FOUND if none, so always for an empty `request_id`.
  virtual absl::StatusOr<ModelVersion> FindAdded(const std::string& id, const std::string& request_id) = 0;

  virtual absl::StatusOr<Model> Get(const std::string& id) = 0;  // NOT_FOUND
  // `name` is "models/{id}" (newest version; with `tagger` the newest that is no base encoder) or
  // "models/{id}/versions/{n}". INVALID_ARGUMENT for another form, NOT_FOUND; FAILED_PRECONDITION where `tagger` is
  // asked for and only base encoders are there.
  virtual absl::StatusOr<ModelVersion> Resolve(const std::string& name, bool tagger);
  // Whether `version` is there as it was resolved: NOT_FOUND where it was deleted since, or is another by now. To be
  // asked where its files cannot be read, which a deletion does as well as damage.
  virtual absl::Status CheckStillThere(const ModelVersion& version);
  virtual absl::StatusOr<std::vector<Model>> List(const PageRequest& page, std::string& next_page_token) = 0;
  // A model or one version. FAILED_PRECONDITION names the unfinished jobs that need it. Files of a version that is in
  // use by a reader stay until their handles close (an unlinked folder).
  virtual absl::Status Delete(const std::string& name) = 0;

  virtual std::filesystem::path Folder(const ModelVersion& version) const = 0;
};

}  // namespace fintag::server
