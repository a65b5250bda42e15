#include "server/api/method_roles.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpc/health/v1/health.pb.h>
#include <grpc/reflection/v1alpha/reflection.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "server/api/service_names.h"

namespace fintag::server {
namespace {

std::vector<std::string> AllMethods() {
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
  std::vector<std::string> methods;
  for (const std::string& name : names) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    EXPECT_NE(service, nullptr) << name;
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      methods.push_back(name + "/" + service->method(i)->name());
    }
  }
  return methods;
}

// A method that is new in the contract needs an entry before anybody may call it.
TEST(MethodRoles, EveryMethodOfEveryServiceHasAnEntry) {
  EXPECT_GT(AllMethods().size(), 20u);
  for (const std::string& method : AllMethods()) {
    EXPECT_NE(FindMethodRole(method), nullptr) << method << " has no role in server/api/method_roles.cc";
  }
}

// The names of methods that read, by their first word; whatever else is in the contract changes something, and must say
// so in the table.
TEST(MethodRoles, WhatDoesMoreThanReadIsMarkedSo) {
  const std::set<std::string> reading = {"Get", "List",   "Watch", "Export", "Backup",
                                         "Tag", "Server", "Model", "Check",  "RepositoryIndex"};
  for (const std::string& method : AllMethods()) {
    const std::string name = method.substr(method.find('/') + 1);
    const bool reads = std::any_of(reading.begin(), reading.end(),
                                   [&](const std::string& word) { return name.compare(0, word.size(), word) == 0; });
    ASSERT_NE(FindMethodRole(method), nullptr);
    EXPECT_EQ(FindMethodRole(method)->effect, reads ? Effect::kReads : Effect::kChanges) << method;
    EXPECT_EQ(ChangesState(method), !reads) << method;
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
