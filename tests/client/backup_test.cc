#include <fintag/v1/admin.grpc.pb.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/client.h"
#include "client/sha256.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

class FakeAdmin final : public fintag::v1::AdminService::Service {
 public:
  grpc::Status Backup(grpc::ServerContext*, const fintag::v1::BackupRequest*,
                      grpc::ServerWriter<fintag::v1::BackupResponse>* writer) override {
    const bool breaks = ++backups == 1;
    fintag::v1::BackupResponse message;
    message.mutable_start()->set_jobs(7);
    message.mutable_start()->set_files_bytes(4);
    writer->Write(message);
    message.mutable_chunk()->set_data("abc");
    writer->Write(message);
    if (breaks) return Detailed(grpc::StatusCode::UNAVAILABLE, "stopping");
    message.mutable_chunk()->set_data("def");
    writer->Write(message);
    if (!has_end) return grpc::Status::OK;
    Sha256 sha256;
    sha256.Update("abcdef");
    message.mutable_end()->set_sha256(sha256.Finish());
    message.mutable_end()->set_size_bytes(size);
    writer->Write(message);
    return grpc::Status::OK;
  }

  bool has_end = true;
  int64_t size = 6;
  int backups = 0;
};

TEST(Backup, ReplacesTheFileWhenTheNewOneIsWhole) {
  FakeAdmin admin;
  const FakeServer server({&admin});
  const TestFolder folder;
  folder.Write("backup.tar", "of yesterday");
  std::vector<std::pair<int64_t, int64_t>> progress;
  const auto backup = server.MakeClient().Backup(
      folder.Path("backup.tar"), [&](int64_t done, int64_t total) { progress.emplace_back(done, total); });
  ASSERT_TRUE(backup.ok()) << backup.status();
  EXPECT_EQ(admin.backups, 2);  // the first broke off
  EXPECT_EQ(backup->content.jobs(), 7);
  EXPECT_EQ(backup->size_bytes, 6);
  EXPECT_EQ(folder.Read("backup.tar"), "abcdef");
  EXPECT_EQ(progress.back(), std::make_pair(int64_t{4}, int64_t{4}));
}

TEST(Backup, LeavesTheOldFileWhereItFails) {
  FakeAdmin admin;
  const FakeServer server({&admin});
  const TestFolder folder;
  folder.Write("backup.tar", "of yesterday");
  admin.backups = 1;
  admin.size = 7;
  EXPECT_TRUE(absl::IsDataLoss(server.MakeClient().Backup(folder.Path("backup.tar")).status()));
  admin.has_end = false;
  EXPECT_TRUE(absl::IsDataLoss(server.MakeClient().Backup(folder.Path("backup.tar")).status()));
  EXPECT_EQ(folder.Read("backup.tar"), "of yesterday");
  EXPECT_TRUE(absl::IsNotFound(server.MakeClient().Backup(folder.Path("nowhere/backup.tar")).status()));
  int64_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.Path(""))) ++files;
  EXPECT_EQ(files, 1);
}

}  // namespace
}  // namespace fintag::client
