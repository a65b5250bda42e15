#include <fintag/v1/model.grpc.pb.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/client.h"
#include "client/sha256.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

class FakeModels final : public fintag::v1::ModelService::Service {
 public:
  grpc::Status ExportModel(grpc::ServerContext*, const fintag::v1::ExportModelRequest* request,
                           grpc::ServerWriter<fintag::v1::ExportModelResponse>* writer) override {
    const bool breaks = ++exports == 1;
    fintag::v1::ExportModelResponse message;
    message.mutable_start()->set_name(request->name() + "/versions/1");
    fintag::v1::FileDescription& file = *message.mutable_start()->add_files();
    file.set_file_name(file_name);
    file.set_size_bytes(6);
    Sha256 sha256;
    sha256.Update(wrong_sum ? "other" : "abcdef");
    file.set_sha256(sha256.Finish());
    writer->Write(message);
    message.mutable_chunk()->set_data("abc");
    writer->Write(message);
    if (breaks) return Detailed(grpc::StatusCode::UNAVAILABLE, "stopping");
    message.mutable_chunk()->set_data("def");
    writer->Write(message);
    return grpc::Status::OK;
  }

  std::string file_name = "config.json";
  bool wrong_sum = false;
  int exports = 0;
};

TEST(ExportModel, WritesTheFolderWhenItIsWhole) {
  FakeModels models;
  const FakeServer server({&models});
  const TestFolder folder;
  const auto exported = server.MakeClient().ExportModel("tagger", folder.Path("out/"));
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ(exported->name, "models/tagger/versions/1");
  EXPECT_EQ(models.exports, 2);  // the first broke off
  EXPECT_EQ(folder.Read("out/config.json"), "abcdef");
  EXPECT_TRUE(absl::IsAlreadyExists(server.MakeClient().ExportModel("tagger", folder.Path("out")).status()));
  std::filesystem::create_directory(folder.Path("empty"));
  EXPECT_TRUE(server.MakeClient().ExportModel("tagger", folder.Path("empty")).ok());
}

TEST(ExportModel, LeavesNothingBehindWhereItFails) {
  FakeModels models;
  const FakeServer server({&models});
  const TestFolder folder;
  models.exports = 1;
  models.wrong_sum = true;
  EXPECT_TRUE(absl::IsDataLoss(server.MakeClient().ExportModel("tagger", folder.Path("out")).status()));
  models.file_name = "../escaped";
  EXPECT_TRUE(absl::IsInvalidArgument(server.MakeClient().ExportModel("tagger", folder.Path("out")).status()));
  EXPECT_TRUE(std::filesystem::is_empty(folder.Path("")));
}

}  // namespace
}  // namespace fintag::client
