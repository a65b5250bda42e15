#include "server/jobs/job_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "core/text/strings.h"
#include "core/training/training_json.h"
#include "server/jobs/job_id.h"
#include "server/storage/limit_error.h"
#include "server/storage/paging.h"
#include "server/storage/resource_name.h"
#include "server/storage/unfinished_jobs.h"

namespace fintag::server {
namespace {

constexpr std::string_view kColumns =
    "position, id, state, dataset, base, model, options, request_id, create_time_ms, start_time_ms, end_time_ms, "
    "failure_reason, model_version, trace_id, owner, log_closed";

int64_t NowMs() { return absl::ToUnixMillis(absl::Now()); }

absl::StatusOr<Job> FromRow(const Row& row) {
  Job job;
  job.position = row.Int(0);
  job.id = row.Text(1);
  job.state = JobStateFromName(row.Text(2));
  job.dataset = row.Text(3);
  job.base = row.Text(4);
  job.model = row.Text(5);
  absl::StatusOr<TrainingOptions> options =
      TrainingOptionsFromJson(nlohmann::json::parse(row.Text(6), nullptr, /*allow_exceptions=*/false));
  if (!options.ok()) {
    return absl::DataLossError(StrCat("the options of jobs/", job.id, " are damaged: ", options.status().message()));
  }
  job.options = *std::move(options);
  job.request_id = row.Text(7);
  job.create_time_ms = row.Int(8);
  job.start_time_ms = row.Int(9);
  job.end_time_ms = row.Int(10);
  job.failure_reason = row.Text(11);
  job.model_version = row.Text(12);
  job.trace_id = row.Text(13);
  job.owner = row.Text(14);
  job.log_closed = row.Int(15) != 0;
  return job;
}

absl::Status NotFound(const std::string& id) { return absl::NotFoundError(StrCat("there is no jobs/", id)); }

bool SameSpecification(const Job& made, const Job& asked) {
  const bool same_base = made.base == asked.base || made.base.rfind(asked.base + "/versions/", 0) == 0;
  return same_base && made.dataset == asked.dataset && made.model == asked.model &&
         ToJson(made.options) == ToJson(asked.options);
}

}  // namespace

absl::StatusOr<std::vector<Job>> JobStore::Select(std::string_view clauses, std::vector<Value> parameters) {
  absl::StatusOr<std::vector<Row>> rows =
      database_.Query(StrCat("SELECT ", kColumns, " FROM jobs ", clauses), std::move(parameters));
  if (!rows.ok()) return rows.status();
  std::vector<Job> jobs;
  for (const Row& row : *rows) {
    absl::StatusOr<Job> job = FromRow(row);
    if (!job.ok()) return job.status();
    jobs.push_back(*std::move(job));
  }
  return jobs;
}

absl::Status JobStore::CheckNeeds(const Job& job) {
  absl::StatusOr<std::string> dataset = ParseDatasetName(job.dataset);
  if (!dataset.ok()) return dataset.status();
  absl::StatusOr<ModelName> base = ParseModelName(job.base);
  if (!base.ok()) return base.status();
  if (!base->version) return absl::InvalidArgumentError(StrCat("base must name a version, is ", job.base));
  absl::StatusOr<ModelName> model = ParseModelName(job.model);
  if (!model.ok()) return model.status();
  if (model->version) return absl::InvalidArgumentError(StrCat("model must be models/{id}, is ", job.model));
  absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT 1 FROM datasets WHERE id = ?", {*dataset});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return absl::NotFoundError(StrCat("there is no ", job.dataset));
  rows = database_.Query("SELECT 1 FROM model_versions WHERE model = ? AND version = ?", {base->id, *base->version});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return absl::NotFoundError(StrCat("there is no ", job.base));
  return absl::OkStatus();
}

absl::Status JobStore::CheckOwner(const std::string& owner) {
  if (max_owner_jobs_ == 0) return absl::OkStatus();
  absl::StatusOr<std::vector<Row>> rows =
      database_.Query(StrCat("SELECT COUNT(*) FROM jobs WHERE owner = ? AND ", kUnfinished), {owner});
  if (!rows.ok()) return rows.status();
  const int64_t jobs = rows->front().Int(0);
  if (jobs < max_owner_jobs_) return absl::OkStatus();
  return LimitError("max-caller-jobs", StrCat(owner, " has ", jobs,
                                              " jobs that wait or run, the most that one caller may have: wait until "
                                              "one has ended, or cancel one"));
}

absl::StatusOr<Job> JobStore::Insert(Job job, bool& created) {
  created = false;
  if (job.id.empty()) job.id = NewJobId();
  if (absl::Status checked = CheckResourceId("job", job.id); !checked.ok()) return checked;
  job.state = JobState::kQueued;
  job.create_time_ms = NowMs();
  absl::Status inserted = database_.Transaction([&]() -> absl::Status {
    absl::StatusOr<std::optional<Job>> before = FindRetried(job);
    if (!before.ok()) return before.status();
    if (before->has_value()) {
      job = **std::move(before);
      return absl::OkStatus();
    }
    if (absl::Status needs = CheckNeeds(job); !needs.ok()) return needs;
    if (absl::Status owner = CheckOwner(job.owner); !owner.ok()) return owner;
    absl::Status status =
        database_
            .Execute(
                "INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, "
                "start_time_ms, end_time_ms, failure_reason, model_version, log_closed, trace_id, owner) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', '', 0, ?, ?)",
                {job.id, std::string(JobStateName(job.state)), job.dataset, job.base, job.model,
                 Dump(ToJson(job.options)), job.request_id, job.create_time_ms, job.trace_id, job.owner})
            .status();
    created = status.ok();
    return status;
  });
  if (!inserted.ok()) {
    created = false;
    return inserted;
  }
  return job;
}

absl::StatusOr<std::optional<Job>> JobStore::FindRetried(const Job& asked) {
  if (asked.request_id.empty()) return std::nullopt;
  // With the index's own condition: SQLite would read every row without it.
  absl::StatusOr<std::vector<Job>> before = Select("WHERE request_id <> '' AND request_id = ?", {asked.request_id});
  if (!before.ok()) return before.status();
  if (before->empty()) return std::nullopt;
  if (!SameSpecification(before->front(), asked)) {
    return absl::InvalidArgumentError(
        StrCat("was used for jobs/", before->front().id, " with another specification: give every request its own"));
  }
  return std::move(before->front());
}

absl::StatusOr<Job> JobStore::Get(const std::string& id) {
  absl::StatusOr<std::vector<Job>> jobs = Select("WHERE id = ?", {id});
  if (!jobs.ok()) return jobs.status();
  if (jobs->empty()) return NotFound(id);
  return std::move(jobs->front());
}

absl::StatusOr<std::vector<Job>> JobStore::List(const PageRequest& page, std::string& next_page_token) {
  next_page_token.clear();
  absl::StatusOr<PageStart> start = ReadPageRequest("jobs", page);
  if (!start.ok()) return start.status();
  absl::StatusOr<std::vector<Row>> rows =
      database_.Query(StrCat("SELECT ", kColumns, " FROM jobs WHERE position < ? ORDER BY position DESC LIMIT ?"),
                      {start->before, start->rows + 1});
  if (!rows.ok()) return rows.status();
  if (static_cast<int64_t>(rows->size()) > start->rows) {
    rows->pop_back();
    next_page_token = PageToken("jobs", rows->back().Int(0));
  }
  std::vector<Job> jobs;
  for (const Row& row : *rows) {
    absl::StatusOr<Job> job = FromRow(row);
    if (!job.ok()) return job.status();
    jobs.push_back(*std::move(job));
  }
  return jobs;
}

absl::StatusOr<std::vector<Job>> JobStore::Running() {
  return Select(StrCat("WHERE ", kUnfinished, " AND state <> 'QUEUED' ORDER BY position"), {});
}

absl::StatusOr<std::vector<Job>> JobStore::NotClosed(std::map<std::string, absl::Status>* unreadable) {
  absl::StatusOr<std::vector<Row>> rows =
      database_.Query(StrCat("SELECT ", kColumns, " FROM jobs WHERE log_closed = 0 ORDER BY position"));
  if (!rows.ok()) return rows.status();
  std::vector<Job> jobs;
  for (const Row& row : *rows) {
    absl::StatusOr<Job> job = FromRow(row);
    if (job.ok()) {
      jobs.push_back(*std::move(job));
    } else if (unreadable != nullptr) {
      unreadable->emplace(row.Text(1), job.status());
    }
  }
  return jobs;
}

absl::Status JobStore::CloseLog(const std::string& id) {
  absl::StatusOr<int64_t> rows =
      database_.Execute(StrCat("UPDATE jobs SET log_closed = 1 WHERE id = ? AND NOT (", kUnfinished, ")"), {id});
  if (!rows.ok()) return rows.status();
  if (*rows > 0) return absl::OkStatus();
  absl::StatusOr<Job> job = Get(id);
  if (!job.ok()) return job.status();
  return absl::FailedPreconditionError(StrCat("jobs/", id, " is ", JobStateName(job->state)));
}

absl::StatusOr<bool> JobStore::LogIsClosed(const std::string& id) {
  absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT log_closed FROM jobs WHERE id = ?", {id});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return NotFound(id);
  return rows->front().Int(0) != 0;
}

absl::StatusOr<std::vector<std::string>> JobStore::Ids() {
  absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT id FROM jobs");
  if (!rows.ok()) return rows.status();
  std::vector<std::string> ids;
  for (const Row& row : *rows) ids.push_back(row.Text(0));
  return ids;
}

absl::StatusOr<std::vector<std::pair<JobState, int64_t>>> JobStore::CountByState() {
  absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT state, COUNT(*) FROM jobs GROUP BY state");
  if (!rows.ok()) return rows.status();
  std::vector<std::pair<JobState, int64_t>> counts;
  for (const Row& row : *rows) counts.emplace_back(JobStateFromName(row.Text(0)), row.Int(1));
  return counts;
}

absl::StatusOr<Job> JobStore::Move(const std::string& id, JobState to, const std::string& failure_reason,
                                   const std::string& model_version) {
  absl::StatusOr<Job> job = NotFound(id);
  absl::Status moved = database_.Transaction([&]() -> absl::Status {
    job = Get(id);
    if (!job.ok()) return job.status();
    if (!MayFollow(job->state, to)) {
      return absl::FailedPreconditionError(
          StrCat("jobs/", id, " is ", JobStateName(job->state), " and cannot become ", JobStateName(to)));
    }
    job->state = to;
    // Never before what came first, though the clock may have been set back.
    if (to == JobState::kValidating) job->start_time_ms = std::max(NowMs(), job->create_time_ms);
    if (IsFinal(to)) job->end_time_ms = std::max({NowMs(), job->create_time_ms, job->start_time_ms});
    job->failure_reason = failure_reason;
    job->model_version = model_version;
    return database_
        .Execute(
            "UPDATE jobs SET state = ?, start_time_ms = ?, end_time_ms = ?, failure_reason = ?, "
            "model_version = ? WHERE id = ?",
            {std::string(JobStateName(to)), job->start_time_ms, job->end_time_ms, failure_reason, model_version, id})
        .status();
  });
  if (!moved.ok()) return moved;
  return job;
}

absl::Status JobStore::Delete(const std::string& id) {
  return database_.Transaction([&]() -> absl::Status {
    absl::StatusOr<Job> job = Get(id);
    if (!job.ok()) return job.status();
    if (!IsFinal(job->state)) {
      return absl::FailedPreconditionError(
          StrCat("jobs/", id, " is ", JobStateName(job->state), ": cancel it, or wait until it is done"));
    }
    return database_.Execute("DELETE FROM jobs WHERE id = ?", {id}).status();
  });
}

}  // namespace fintag::server
