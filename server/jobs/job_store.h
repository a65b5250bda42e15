// The jobs' rows: the truth about every job. No processes and no events here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/jobs/job.h"
#include "server/storage/database.h"

namespace fintag::server {

class JobStore {
 public:
  // An owner may have `max_owner_jobs` jobs that have not ended; 0: as many as he likes.
  explicit JobStore(Database& database, int64_t max_owner_jobs = 0)
      : database_(database), max_owner_jobs_(max_owner_jobs) {}

  // Stores a new job and returns it, with an id (job_id.h) if it has none and its time; if its request_id is known, the
  // job made with it instead (`created` false), or INVALID_ARGUMENT if that one has another specification. NOT_FOUND if
  // dataset or base is gone, LimitError if job.owner has as many jobs as he may have, checked in the same transaction.
  absl::StatusOr<Job> Insert(Job job, bool& created);
  // The job that asked.request_id made before, if it did: what it needed then may be gone by now, so a retry looks here
  // before it checks anything. INVALID_ARGUMENT if that job has another specification; asked.base may still be
  // "models/x", which fits any version of it.
  absl::StatusOr<std::optional<Job>> FindRetried(const Job& asked);
  absl::StatusOr<Job> Get(const std::string& id);
  absl::StatusOr<std::vector<Job>> List(const PageRequest& page, std::string& next_page_token);
  absl::StatusOr<std::vector<Job>> Running();  // neither waiting nor final; oldest first
  // Jobs whose event log does not end with their final state yet, unfinished ones included; oldest first. A row that
  // cannot be read holds up no other: it is left out, and `unreadable` has why, by id.
  absl::StatusOr<std::vector<Job>> NotClosed(std::map<std::string, absl::Status>* unreadable = nullptr);
  // The event log of a final job is complete.
  absl::Status CloseLog(const std::string& id);
  absl::StatusOr<bool> LogIsClosed(const std::string& id);  // NOT_FOUND
  absl::StatusOr<std::vector<std::string>> Ids();
  absl::StatusOr<std::vector<std::pair<JobState, int64_t>>> CountByState();

  // Moves the job along an arrow of the life cycle, with what belongs to the new state (start and end times, failure
  // reason, model version). FAILED_PRECONDITION names the state that it is in.
  absl::StatusOr<Job> Move(const std::string& id, JobState to, const std::string& failure_reason = "",
                           const std::string& model_version = "");
  absl::Status Delete(const std::string& id);  // FAILED_PRECONDITION unless final

 private:
  absl::StatusOr<std::vector<Job>> Select(std::string_view clauses, std::vector<Value> parameters);
  absl::Status CheckNeeds(const Job& job);

  absl::Status CheckOwner(const std::string& owner);

  Database& database_;
  const int64_t max_owner_jobs_;
};

}  // namespace fintag::server
