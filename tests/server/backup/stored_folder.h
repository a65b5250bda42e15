// A data folder as a server has it: a store with one dataset, one model version and three jobs, and their files.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/storage/database.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {

class StoredFolder {
 public:
  StoredFolder() {
    database = Database::Open(path() / "fintag.db").value();
    Run("INSERT INTO datasets (id, create_time_ms, description) VALUES ('fin', 1, '{}')");
    Put("datasets/fin/train.jsonl", "{}\n");
    Put("datasets/fin/train.given", "a O\n");
    Run("INSERT INTO models (id, create_time_ms, next_version) VALUES ('base', 1, 2)");
    Run("INSERT INTO model_versions (model, version, create_time_ms, request_id, job, description) "
        "VALUES ('base', 1, 1, '', '', '{}')");
    Put("models/base/1/config.json", "{}");
    Put("models/base/1/model.safetensors", std::string(3 << 20, 'w'));
    Put("models/base/1/precision.json", "of this machine");
    Put("models/.incoming/x/model.safetensors", "half");
    AddJob("done", "SUCCEEDED");
    AddJob("running", "RUNNING");
    AddJob("waiting", "QUEUED");
    Put("jobs/running/checkpoint/model.safetensors", "weights");
    Put("jobs/running/trainer.pid", "12\n");
    Put("jobs/running/job.json.tmp", "{");
  }

  const std::filesystem::path& path() const { return folder_.path(); }

  void Put(const std::string& name, const std::string& text) { WriteFile(path() / name, text); }

  void Run(std::string_view sql) {
    const absl::Status status = database->Execute(sql).status();
    ASSERT_TRUE(status.ok()) << status;
  }

  void AddJob(const std::string& id, const std::string& state) {
    Run("INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, start_time_ms, "
        "end_time_ms, failure_reason, model_version, log_closed) VALUES ('" +
        id + "', '" + state + "', 'datasets/fin', 'models/base/versions/1', 'models/m', '{}', '', 1, 0, 0, '', '', 0)");
    Put("jobs/" + id + "/events.log", "first\nsecond\n");
  }

 private:
  TemporaryFolder folder_;

 public:
  std::unique_ptr<Database> database;
};

}  // namespace fintag::server
