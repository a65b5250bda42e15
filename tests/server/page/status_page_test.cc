#include "server/page/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "server/page/page_file.h"

namespace fintag::server {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

// An API whose answers a test decides, and which remembers what it was asked.
class FakeTraining final : public fintag::v1::TrainingService::Service {
 public:
  grpc::Status ListJobs(grpc::ServerContext* context, const fintag::v1::ListJobsRequest* request,
                        fintag::v1::ListJobsResponse* response) override {
    token = request->page_token();
    const auto [begin, end] = context->client_metadata().equal_range("authorization");
    authorization.clear();
    for (auto i = begin; i != end; ++i) authorization.emplace_back(i->second.data(), i->second.size());
    fintag::v1::Job& job = *response->add_jobs();
    job.set_name("jobs/a");
    for (int epoch = 1; epoch <= 5; ++epoch) {
      job.add_epochs()->set_epoch(epoch);
      job.mutable_epochs()->rbegin()->set_best(epoch <= 3);
    }
    response->add_jobs()->set_name("jobs/fresh");
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext* context, const fintag::v1::GetJobRequest* request,
                      fintag::v1::Job* response) override {
    const auto trace = context->client_metadata().find("traceparent");
    traceparent = {trace->second.data(), trace->second.size()};
    time_left = std::chrono::duration<double>(context->deadline() - std::chrono::system_clock::now()).count();
    if (request->name() != "jobs/a") return {grpc::StatusCode::NOT_FOUND, "there is no " + request->name()};
    response->set_name(request->name());
    response->mutable_progress()->set_loss(std::numeric_limits<double>::quiet_NaN());
    return grpc::Status::OK;
  }
  grpc::Status ListJobProgress(grpc::ServerContext*, const fintag::v1::ListJobProgressRequest* request,
                               fintag::v1::ListJobProgressResponse* response) override {
    after = request->after_sequence();
    progress_of = request->name();
    response->add_events()->set_sequence(after + 1);
    return grpc::Status::OK;
  }
  std::string token;
  std::vector<std::string> authorization;
  std::string traceparent;
  std::string progress_of;
  int64_t after = -1;
  double time_left = 0;
};

class FakeModels final : public fintag::v1::ModelService::Service {
  grpc::Status ListModels(grpc::ServerContext*, const fintag::v1::ListModelsRequest*,
                          fintag::v1::ListModelsResponse* response) override {
    fintag::v1::ModelVersion& version = *response->add_models()->add_versions();
    version.set_name("models/m/versions/1");
    fintag::v1::ConfusionRow& row = *version.mutable_scores()->add_confusion();
    row.set_label("ORG");
    (*row.mutable_predicted())["O"] = 3;
    return grpc::Status::OK;
  }
};

class FakeTagging final : public fintag::v1::TaggingService::Service {
 public:
  grpc::Status Tag(grpc::ServerContext* context, const fintag::v1::TagRequest* request,
                   fintag::v1::TagResponse* response) override {
    ++calls;
    while (hangs && !context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (!status.ok()) return status;
    response->set_model_version(request->model() + "/versions/1");
    fintag::v1::Entity& entity = *response->add_results()->add_entities();
    entity.set_text(request->inputs(0).text());
    return grpc::Status::OK;
  }
  std::atomic<int> calls = 0;
  std::atomic<bool> hangs = false;
  grpc::Status status;
};

class StatusPageTest : public ::testing::Test {
 protected:
  StatusPageTest() {
    grpc::ServerBuilder builder;
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{&training_, &models_, &tagging_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    page_ = std::make_unique<StatusPage>(server_->InProcessChannel({}), std::vector<std::string>{"localhost"});
  }
  ~StatusPageTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  HttpResponse Get(const std::string& path, std::map<std::string, std::string> query = {}) {
    return page_->Answer({"GET", path, std::move(query), {{"host", "localhost:9464"}}, ""});
  }
  HttpResponse Post(const std::string& body, std::map<std::string, std::string> headers) {
    headers.emplace("host", "localhost:9464");
    return page_->Answer({"POST", "/api/tag", {}, std::move(headers), body});
  }
  HttpResponse PostJson(const std::string& body) { return Post(body, {{"content-type", "application/json"}}); }
  static std::string ErrorCode(const HttpResponse& response) { return json::parse(response.body)["error"]["code"]; }

  FakeTraining training_;
  FakeModels models_;
  FakeTagging tagging_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<StatusPage> page_;
};

constexpr char kTagRequest[] = R"({"model": "models/m", "inputs": [{"text": "<b>Acme</b> \u20ac"}]})";

TEST_F(StatusPageTest, ServesItsFiles) {
  const HttpResponse index = Get("/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(index.body, Get("/index.html").body);
  EXPECT_EQ(Get("/app.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(Get("/page.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(Get("/icon.svg").content_type, "image/svg+xml");
  for (const char* path : {"/other", "/static/app.js", "/../app.js", "//app.js", "/APP.JS", ""}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

// A strict policy would break whatever is inline or from elsewhere.
TEST_F(StatusPageTest, FilesHaveNothingInlineAndNothingFromElsewhere) {
  EXPECT_GE(PageFiles().size(), 10);
  for (const PageFile& file : PageFiles()) {
    const std::string content(file.content);
    EXPECT_FALSE(content.empty()) << file.path;
    for (const char* forbidden : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                                  " style=\"", "<style", "javascript:", "https://", "url(", "@import"}) {
      EXPECT_THAT(content, Not(HasSubstr(forbidden))) << file.path;
    }
    for (size_t at = content.find("http://"); at != std::string::npos; at = content.find("http://", at + 1)) {
      EXPECT_THAT(content.substr(at), StartsWith("http://www.w3.org/2000/svg")) << file.path;  // a name, never fetched
    }
  }
}

TEST_F(StatusPageTest, EveryAnswerHasTheSecurityHeaders) {
  const HttpResponse answers[] = {Get("/"),         Get("/app.js"),        Get("/none"),  Get("/api/jobs"),
                                  Get("/api/none"), PostJson(kTagRequest), PostJson("{"), Post("", {})};
  for (const HttpResponse& answer : answers) {
    EXPECT_THAT(answer.headers,
                AllOf(Contains(Pair("Content-Security-Policy",
                                    AllOf(StartsWith("default-src 'none'; script-src 'self'; style-src 'self'; "),
                                          HasSubstr("frame-ancestors 'none'"), HasSubstr("base-uri 'none'"),
                                          Not(HasSubstr("unsafe"))))),
                      Contains(Pair("X-Content-Type-Options", "nosniff")),
                      Contains(Pair("Referrer-Policy", "no-referrer")), Contains(Pair("Cache-Control", "no-store"))));
    EXPECT_THAT(answer.headers, Not(Contains(Pair("Access-Control-Allow-Origin", testing::_))));
  }
}

TEST_F(StatusPageTest, TheTraceGoesAlongAndComesBack) {
  const auto ask = [&](const std::string& path, const std::string& traceparent) {
    const HttpResponse answer =
        page_->Answer({"GET", path, {}, {{"host", "localhost"}, {"traceparent", traceparent}}, ""});
    EXPECT_THAT(answer.headers, Contains(Pair("traceparent", training_.traceparent)));
    return training_.traceparent;
  };
  for (const char* path : {"/api/jobs/a", "/api/jobs/none"}) {
    const std::string given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT_THAT(ask(path, given), StartsWith(given.substr(0, 36)));
    // What is no traceparent, and no metadata of gRPC's either.
    EXPECT_THAT(ask(path, "\x01\xff"), testing::MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00"));
  }
}

TEST_F(StatusPageTest, JobsComeAsTheApiHasThem) {
  const HttpResponse list = Get("/api/jobs", {{"page_token", "next"}});
  EXPECT_EQ(list.content_type, "application/json");
  EXPECT_EQ(training_.token, "next");
  const json jobs = json::parse(list.body)["jobs"];
  ASSERT_THAT(jobs, SizeIs(2));
  ASSERT_THAT(jobs[0]["epochs"], SizeIs(2));  // the best and the latest
  EXPECT_EQ(jobs[0]["epochs"][0]["epoch"], 3);
  EXPECT_EQ(jobs[0]["epochs"][1]["epoch"], 5);
  EXPECT_THAT(jobs[1]["epochs"], SizeIs(0));

  const json job = json::parse(Get("/api/jobs/a").body);
  EXPECT_EQ(job["name"], "jobs/a");
  EXPECT_EQ(job["lastSequence"], "0");
  EXPECT_EQ(job["progress"]["loss"], "NaN");
  EXPECT_GT(training_.time_left, 1);
  EXPECT_LT(training_.time_left, 10);

  const json progress = json::parse(Get("/api/jobs/a/progress", {{"after", "41"}}).body);
  EXPECT_EQ(training_.after, 41);
  EXPECT_EQ(training_.progress_of, "jobs/a");
  EXPECT_EQ(progress["events"][0]["sequence"], "42");
  EXPECT_EQ(Get("/api/jobs/a/progress").status, 200);
  EXPECT_EQ(training_.after, 0);
  for (const char* after : {"x", "1x", "9223372036854775808"}) {
    EXPECT_EQ(Get("/api/jobs/a/progress", {{"after", after}}).status, 400) << after;
  }
}

TEST_F(StatusPageTest, ModelsCarryTheirConfusion) {
  const json models = json::parse(Get("/api/models").body);
  const json& scores = models["models"][0]["versions"][0]["scores"];
  EXPECT_EQ(scores["confusion"][0]["label"], "ORG");
  EXPECT_EQ(scores["confusion"][0]["predicted"]["O"], "3");
}

TEST_F(StatusPageTest, ErrorsAreJsonWithCodeAndMessage) {
  const HttpResponse missing = Get("/api/jobs/b");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.content_type, "application/json");
  EXPECT_EQ(json::parse(missing.body), json({{"error", {{"code", "NOT_FOUND"}, {"message", "there is no jobs/b"}}}}));
  EXPECT_EQ(Get("/api/nothing").status, 404);
  EXPECT_EQ(Get("/api/tag").status, 405);
  EXPECT_EQ(ErrorCode(PostJson("no JSON")), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorCode(PostJson(R"({"nonsense": 1})")), "INVALID_ARGUMENT");
  EXPECT_EQ(PostJson("[").status, 400);
  EXPECT_EQ(tagging_.calls, 0);

  const std::pair<grpc::StatusCode, int> codes[] = {{grpc::StatusCode::INVALID_ARGUMENT, 400},
                                                    {grpc::StatusCode::RESOURCE_EXHAUSTED, 429},
                                                    {grpc::StatusCode::UNAVAILABLE, 503},
                                                    {grpc::StatusCode::DEADLINE_EXCEEDED, 504},
                                                    {grpc::StatusCode::INTERNAL, 500}};
  for (const auto& [code, http] : codes) {
    tagging_.status = {code, "as it is \"said\""};
    const HttpResponse answer = PostJson(kTagRequest);
    EXPECT_EQ(answer.status, http);
    EXPECT_EQ(json::parse(answer.body)["error"]["message"], "as it is \"said\"");
  }
}

TEST_F(StatusPageTest, TagsThroughTheApi) {
  const HttpResponse answer = PostJson(kTagRequest);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json message = json::parse(answer.body);
  EXPECT_EQ(message["modelVersion"], "models/m/versions/1");
  EXPECT_EQ(message["results"][0]["entities"][0]["text"], "<b>Acme</b> €");
  EXPECT_EQ(tagging_.calls, 1);
}

// What a page of another site could send: a form's types need no leave of ours, so they are refused.
TEST_F(StatusPageTest, PostsOfOtherSitesAreRefused) {
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"}) {
    EXPECT_EQ(Post(kTagRequest, {{"content-type", type}}).status, 403) << type;
  }
  EXPECT_EQ(Post(kTagRequest, {}).status, 403);
  for (const char* site : {"cross-site", "same-site"}) {
    EXPECT_EQ(Post(kTagRequest, {{"content-type", "application/json"}, {"sec-fetch-site", site}}).status, 403) << site;
  }
  EXPECT_EQ(tagging_.calls, 0);
  EXPECT_EQ(Post(kTagRequest, {{"content-type", "Application/JSON; charset=utf-8"}, {"sec-fetch-site", "same-origin"}})
                .status,
            200);
}

TEST_F(StatusPageTest, NothingElseTakesAPost) {
  for (const char* path : {"/", "/app.js", "/api/jobs", "/api/jobs/a", "/api/models", "/api/server"}) {
    const HttpResponse answer =
        page_->Answer({"POST", path, {}, {{"host", "localhost"}, {"content-type", "application/json"}}, "{}"});
    EXPECT_EQ(answer.status, 405) << path;
  }
}

TEST_F(StatusPageTest, OnlyItsNamesAreServed) {
  for (const char* path : {"/", "/api/jobs"}) {
    EXPECT_EQ(page_->Answer({"GET", path, {}, {{"host", "evil.example:9464"}}, ""}).status, 403);
    EXPECT_EQ(page_->Answer({"GET", path, {}, {}, ""}).status, 403);
    EXPECT_EQ(page_->Answer({"GET", path, {}, {{"host", "127.0.0.1:9464"}}, ""}).status, 200);
  }
  StatusPage named(server_->InProcessChannel({}), {"fintag.example", "[2001:db8::1]"});
  for (const auto& [host, status] : std::map<std::string, int>{{"fintag.example", 200},
                                                               {"FINTAG.example:9464", 200},
                                                               {"[2001:db8::1]:9464", 200},
                                                               {"[2001:db8::2]:9464", 403},
                                                               {"fintag.example.evil.example", 403},
                                                               {"localhost", 403},
                                                               {"", 403}}) {
    EXPECT_EQ(named.Answer({"GET", "/", {}, {{"host", host}}, ""}).status, status) << host;
  }
  StatusPage open(server_->InProcessChannel({}), {"*"});
  EXPECT_EQ(open.Answer({"GET", "/", {}, {{"host", "fintag.example"}}, ""}).status, 200);
  EXPECT_EQ(open.Answer({"GET", "/", {}, {}, ""}).status, 200);
}

TEST(IsLoopbackHost, KnowsLoopbacksNames) {
  for (const char* host :
       {"localhost", "LOCALHOST:80", "a.localhost:1", "127.0.0.1", "127.1.2.3:9464", "[::1]", "[::1]:80", "::1"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host :
       {"", "localhost.example", "127.0.0.1.example", "128.0.0.1", "[::2]", "[::1]x", "0.0.0.0", "example:127"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST_F(StatusPageTest, ATokenGoesAlongToTheApi) {
  const auto get = [&](const std::string& authorization) {
    return page_->Answer({"GET", "/api/jobs", {}, {{"host", "localhost"}, {"authorization", authorization}}, ""});
  };
  EXPECT_EQ(get("Bearer abc").status, 200);
  EXPECT_THAT(training_.authorization, ElementsAre("Bearer abc"));
  EXPECT_EQ(Get("/api/jobs").status, 200);
  EXPECT_THAT(training_.authorization, SizeIs(0));
  // gRPC ends a process that hands it these.
  for (const std::string& wrong : {std::string("Bearer \x01"), std::string("Bearer \xff"), std::string(2000, 'x')}) {
    EXPECT_EQ(get(wrong).status, 401);
  }
}

// The HTTP port outlives the API at the end of the server.
TEST_F(StatusPageTest, OnceStoppedItAsksTheApiNothing) {
  page_->Stop(std::chrono::seconds(1));
  server_->Shutdown(std::chrono::system_clock::now());
  const HttpResponse answer = Get("/api/jobs");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(ErrorCode(answer), "UNAVAILABLE");
  EXPECT_EQ(Get("/").status, 200);
}

TEST_F(StatusPageTest, StopEndsWhatIsUnderWay) {
  tagging_.hangs = true;
  std::thread caller([this] { EXPECT_EQ(PostJson(kTagRequest).status, 499); });
  while (tagging_.calls == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto start = std::chrono::steady_clock::now();
  page_->Stop(std::chrono::seconds(1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  caller.join();
}

}  // namespace
}  // namespace fintag::server
