#include "server/datasets/dataset_registry.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "core/text/strings.h"
#include "core/training/word_lookup.h"
#include "server/datasets/dataset_json.h"
#include "server/datasets/dataset_parsing.h"
#include "server/storage/disk_error.h"
#include "server/storage/folders.h"
#include "server/storage/paging.h"
#include "server/storage/resource_name.h"
#include "server/storage/unfinished_jobs.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<Dataset> FromRow(const Row& row) {
  absl::StatusOr<Dataset> dataset = DatasetFromJson(row.Text(2));
  if (!dataset.ok()) {
    return absl::Status(dataset.status().code(), StrCat("datasets/", row.Text(0), ": ", dataset.status().message()));
  }
  dataset->id = row.Text(0);
  dataset->create_time_ms = row.Int(1);
  dataset->owner = row.Text(3);
  return dataset;
}

absl::Status NotFound(const std::string& id) { return absl::NotFoundError(StrCat("there is no datasets/", id)); }

bool SameContent(const Dataset& stored, const ReceivedFile& train, const std::optional<ReceivedFile>& validation) {
  if (stored.train.sha256 != train.sha256 || stored.validation.has_value() != validation.has_value()) return false;
  return !validation || stored.validation->sha256 == validation->sha256;
}

std::vector<std::string_view> Views(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

// Keeps the uploaded file beside its parsed form.
absl::Status KeepGiven(const fs::path& folder, const std::string& part, const ReceivedFile& file) {
  std::error_code error;
  fs::rename(file.path, folder / (part + ".given"), error);
  if (!error) return absl::OkStatus();
  return DiskError(error.value(), StrCat("cannot keep ", file.path.string()));
}

class Registry : public DatasetRegistry {
 public:
  Registry(Database& database, fs::path folder) : database_(database), folder_(std::move(folder)) {}

  absl::StatusOr<fs::path> MakeIncomingFolder() override { return MakeIncoming(folder_); }

  absl::StatusOr<Dataset> Add(const std::string& id, const std::string& owner, const ReceivedFile& train,
                              const std::optional<ReceivedFile>& validation,
                              std::vector<DatasetLineError>& errors) override {
    const fs::path incoming = train.path.parent_path();
    if (incoming.parent_path() != IncomingFolder(folder_) ||
        (validation && validation->path.parent_path() != incoming)) {
      return absl::InternalError(StrCat(train.path.string(), " is in no incoming folder"));
    }
    // Nothing is left of it once it was renamed to its place.
    const absl::Cleanup cleaning = [&] { RemoveFolder(folder_, incoming).IgnoreError(); };
    if (absl::Status checked = CheckResourceId("dataset", id); !checked.ok()) return checked;
    if (absl::StatusOr<Dataset> stored = Stored(id, train, validation); !absl::IsNotFound(stored.status())) {
      return stored;
    }
    absl::StatusOr<Dataset> dataset = Fill(incoming, train, validation, errors);
    if (!dataset.ok()) return dataset.status();
    dataset->id = id;
    dataset->owner = owner;
    dataset->create_time_ms = absl::ToUnixMillis(absl::Now());
    const std::lock_guard<std::mutex> lock(mutex_);
    // Another upload may have been quicker.
    if (absl::StatusOr<Dataset> stored = Stored(id, train, validation); !absl::IsNotFound(stored.status())) {
      return stored;
    }
    // What a deletion could not take away.
    if (absl::Status removed = RemoveFolder(folder_, Folder(id)); !removed.ok()) return removed;
    // The folder first: a row always has its files. A folder without a row is removed at the next start.
    if (absl::Status moved = MoveIntoPlace(incoming, Folder(id)); !moved.ok()) return moved;
    absl::Status inserted =
        database_
            .Execute("INSERT INTO datasets (id, create_time_ms, description, owner, bytes) VALUES (?, ?, ?, ?, ?)",
                     {id, dataset->create_time_ms, DatasetJson(*dataset), owner,
                      dataset->train.size_bytes + (dataset->validation ? dataset->validation->size_bytes : 0)})
            .status();
    if (!inserted.ok()) {
      RemoveFolder(folder_, Folder(id)).IgnoreError();
      return inserted;
    }
    return dataset;
  }

  absl::StatusOr<Dataset> Get(const std::string& id) override {
    absl::StatusOr<std::vector<Row>> rows =
        database_.Query("SELECT id, create_time_ms, description, owner FROM datasets WHERE id = ?", {id});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return NotFound(id);
    return FromRow(rows->front());
  }

  absl::StatusOr<std::vector<Dataset>> List(const PageRequest& page, std::string& next_page_token) override {
    next_page_token.clear();
    absl::StatusOr<PageStart> start = ReadPageRequest("datasets", page);
    if (!start.ok()) return start.status();
    absl::StatusOr<std::vector<Row>> rows = database_.Query(
        "SELECT id, create_time_ms, description, owner, position FROM datasets WHERE position < ? "
        "ORDER BY position DESC LIMIT ?",
        {start->before, start->rows + 1});
    if (!rows.ok()) return rows.status();
    if (static_cast<int64_t>(rows->size()) > start->rows) {
      rows->pop_back();
      next_page_token = PageToken("datasets", rows->back().Int(4));
    }
    std::vector<Dataset> datasets;
    for (const Row& row : *rows) {
      absl::StatusOr<Dataset> dataset = FromRow(row);
      if (!dataset.ok()) return dataset.status();
      datasets.push_back(*std::move(dataset));
    }
    return datasets;
  }

  absl::Status Delete(const std::string& id) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::string name = StrCat("datasets/", id);
    absl::Status deleted = database_.Transaction([&]() -> absl::Status {
      if (absl::Status needed = RefuseIfJobsNeed(database_, name, "dataset = ?", {name}); !needed.ok()) return needed;
      absl::StatusOr<int64_t> rows = database_.Execute("DELETE FROM datasets WHERE id = ?", {id});
      if (!rows.ok()) return rows.status();
      return *rows == 0 ? NotFound(id) : absl::OkStatus();
    });
    if (!deleted.ok()) return deleted;
    return RemoveFolder(folder_, Folder(id));
  }

  fs::path Folder(const std::string& id) const override { return folder_ / id; }

  absl::Status Recover() {
    if (absl::Status prepared = PrepareRoot(folder_); !prepared.ok()) return prepared;
    absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT id FROM datasets");
    if (!rows.ok()) return rows.status();
    std::set<std::string> known;
    for (const Row& row : *rows) known.insert(row.Text(0));
    return RemoveAllBut(folder_, folder_, known);
  }

 private:
  // The stored dataset if it has this content, ALREADY_EXISTS if another, NOT_FOUND if the id is free.
  absl::StatusOr<Dataset> Stored(const std::string& id, const ReceivedFile& train,
                                 const std::optional<ReceivedFile>& validation) {
    absl::StatusOr<Dataset> stored = Get(id);
    if (!stored.ok() || SameContent(*stored, train, validation)) return stored;
    return absl::AlreadyExistsError(
        StrCat("datasets/", id, " is there with other content: choose another name, or delete it first"));
  }

  absl::StatusOr<Dataset> Fill(const fs::path& incoming, const ReceivedFile& train,
                               const std::optional<ReceivedFile>& validation, std::vector<DatasetLineError>& errors) {
    // Both are checked before either's errors are given.
    absl::StatusOr<CorpusFile> first = CheckPart("train", train, errors);
    absl::StatusOr<CorpusFile> second = CorpusFile();
    if (validation) second = CheckPart("validation", *validation, errors);
    if (!first.ok() && !second.ok() && absl::IsInvalidArgument(first.status())) {
      return absl::InvalidArgumentError(StrCat(first.status().message(), "\n", second.status().message()));
    }
    if (!first.ok()) return first.status();
    if (!second.ok()) return second.status();
    const std::vector<std::string> train_labels = first->labels();
    if (train_labels.empty()) {
      errors.push_back({"train", "has no entities: every tag is O"});
      return absl::InvalidArgumentError(StrCat(train.file_name, ": has no entities: every tag is O"));
    }
    Dataset dataset;
    WordLookup lookup;
    absl::StatusOr<DatasetPart> part =
        ParsePart(train, *first, incoming / "train.jsonl", [&](const Sentence& sentence) {
          if (validation) lookup.Learn(sentence);
        });
    if (!part.ok()) return part.status();
    dataset.train = *std::move(part);
    std::set<std::string> labels(train_labels.begin(), train_labels.end());
    if (absl::Status kept = KeepGiven(incoming, "train", train); !kept.ok()) return kept;
    if (validation) {
      TagScorer scorer;
      part = ParsePart(*validation, *second, incoming / "validation.jsonl", [&](const Sentence& sentence) {
        scorer.Add(Views(sentence.tags), lookup.Tag(Views(sentence.words)));
      });
      if (!part.ok()) return part.status();
      dataset.validation = *std::move(part);
      dataset.word_lookup = scorer.Finish();
      for (const std::string& label : second->labels()) labels.insert(label);
      if (absl::Status kept = KeepGiven(incoming, "validation", *validation); !kept.ok()) return kept;
    }
    dataset.labels.assign(labels.begin(), labels.end());
    return dataset;
  }

  Database& database_;
  const fs::path folder_;
  // Held while a folder takes or leaves its place, so that row and folder change together. Guards no member.
  std::mutex mutex_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DatasetRegistry>> DatasetRegistry::Open(Database& database, const fs::path& folder) {
  auto registry = std::make_unique<Registry>(database, folder);
  if (absl::Status recovered = registry->Recover(); !recovered.ok()) return recovered;
  return registry;
}

}  // namespace fintag::server
