#include "server/api/method_roles.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpc/health/v1/health.pb.h>
#include <grpc/reflection/v1alpha/reflection.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/api/service_names.h"

namespace fintag::server {
namespace {

// A method that is new in the contract needs an entry before anybody may call it.
TEST(MethodRoles, EveryMethodOfEveryServiceHasAnEntry) {
  google::protobuf::LinkMessageReflection<fintag::v1::GetDatasetRequest>();
  google::protobuf::LinkMessageReflection<fintag::v1::GetModelRequest>();
  google::protobuf::LinkMessageReflection<fintag::v1::GetJobRequest>();
  google::protobuf::LinkMessageReflection<fintag::v1::TagRequest>();
  google::protobuf::LinkMessageReflection<fintag::v1::BackupRequest>();
  google::protobuf::LinkMessageReflection<inference::ServerLiveRequest>();
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  google::protobuf::LinkMessageReflection<grpc::reflection::v1alpha::ServerReflectionRequest>();
  std::vector<std::string> names(std::begin(kWorkingServices), std::end(kWorkingServices));
  names.insert(names.end(), std::begin(kTellingServices), std::end(kTellingServices));
  for (const std::string& name : names) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method = name + "/" + service->method(i)->name();
      EXPECT_NE(FindMethodRole(method), nullptr) << method << " has no role in server/api/method_roles.cc";
    }
  }
}

TEST(MethodRoles, OthersHaveNone) {
  for (const char* method : {"", "fintag.v1.TaggingService/Untag", "/fintag.v1.TaggingService/Tag", "Tag"}) {
    EXPECT_EQ(FindMethodRole(method), nullptr) << method;
  }
}

// Without a token, no more than whether the server serves.
TEST(MethodRoles, HealthAloneIsOpen) {
  EXPECT_FALSE(FindMethodRole("grpc.health.v1.Health/Check")->role.has_value());
  EXPECT_EQ(FindMethodRole("fintag.v1.TaggingService/Tag")->role, Role::kTagger);
  EXPECT_EQ(FindMethodRole("fintag.v1.ModelService/DeleteModel")->role, Role::kAdmin);
  EXPECT_EQ(FindMethodRole("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")->role, Role::kViewer);
}

}  // namespace
}  // namespace fintag::server
