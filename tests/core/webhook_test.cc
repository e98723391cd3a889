#include "core/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/webhook_template.h"

namespace stagelog::webhook_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Webhook Parsed(const std::string& json) {
  const auto webhook = ParseWebhook(json, 1'000'000);
  EXPECT_TRUE(webhook) << (webhook ? "" : webhook.error().detail);
  return webhook.value_or(Webhook());
}

// "code field: detail".
std::string ProblemOf(const std::string& json) {
  const auto webhook = ParseWebhook(json, 1'000'000);
  if (webhook) return "";
  return webhook.error().code + " " + webhook.error().field + ": " + webhook.error().detail;
}

std::string With(const std::string& members) {
  return R"({"url":"https://example.org/hook",)" + members + "}";
}

TEST(WebhookTest, FiltersAreThoseOfAPoll) {
  const Webhook webhook =
      Parsed(With(R"("type":"job_failed,gate_pause","job":["a","b"],"q":"OOM")"));
  EXPECT_THAT(webhook.filter.types, ElementsAre("job_failed", "gate_pause"));
  EXPECT_THAT(webhook.filter.jobs, ElementsAre("a", "b"));
  EXPECT_EQ(webhook.filter.text, "oom");
  EXPECT_THAT(ProblemOf(With(R"("type":"job_faild")")),
              HasSubstr("invalid_field type: unknown type"));
  EXPECT_THAT(ProblemOf(With(R"("type":["a,b"])")), HasSubstr("invalid_field type"));
}

TEST(WebhookTest, UrlsThatAreRefused) {
  for (const char* url : {"", "example.org", "ftp://example.org", "http://", "http:///path",
                          "http://user:pass@example.org/", "https://example.org/#part",
                          "http://example.org/a b", "http://ex\u00e4mple.org/"}) {
    EXPECT_THAT(ProblemOf(std::string(R"({"url":")") + url + "\"}"), HasSubstr(" url: ")) << url;
  }
}

TEST(WebhookTest, UnknownAndWrongKeys) {
  EXPECT_THAT(ProblemOf(With(R"("tmplate":"x")")), HasSubstr("did you mean 'template'"));
  EXPECT_THAT(ProblemOf(With(R"("url":"http://b")")), HasSubstr("duplicate_key"));
  EXPECT_THAT(ProblemOf(With(R"("id":"a/b")")), HasSubstr("invalid_field id"));
  EXPECT_THAT(ProblemOf(With(R"("format":"xml")")), HasSubstr("invalid_field format"));
  EXPECT_THAT(ProblemOf(With(R"("handshake":1)")), HasSubstr("invalid_field handshake"));
  EXPECT_THAT(ProblemOf(With(R"("headers":{"Host":"x"})")), HasSubstr("writes itself"));
  EXPECT_THAT(ProblemOf(With(R"("headers":{"X-A":"a\r\nb: c"})")), HasSubstr("on one line"));
  EXPECT_THAT(ProblemOf(With(R"("secret":"whsec_short")")), HasSubstr("invalid_field secret"));
  EXPECT_THAT(ProblemOf(With(R"("since":"yesterday")")), HasSubstr("invalid_field since"));
  EXPECT_THAT(ProblemOf("[]"), HasSubstr("a webhook is a JSON object"));
  EXPECT_THAT(ProblemOf("{"), HasSubstr("malformed_json"));
  EXPECT_THAT(ProblemOf(R"({"id":"a"})"), HasSubstr("missing_field url"));
  EXPECT_THAT(ProblemOf(With(R"("format":"event","template":"x")")),
              HasSubstr("invalid_field template"));
}

TEST(WebhookTest, NullIsLeftOutAndNamesAreGivenOnce) {
  EXPECT_EQ(Parsed(With(R"("template":null,"format":null)")).format, WebhookFormat::kEvent);
  EXPECT_EQ(Parsed(With(R"("format":null,"template":"{}")")).format, WebhookFormat::kTemplate);
  EXPECT_THAT(ProblemOf(With(R"("q":["a"])")), HasSubstr("invalid_field q"));
  EXPECT_THAT(ProblemOf(With(R"("headers":{"X-A":"1","x-a":"2"})")), HasSubstr("given twice"));
}

TEST(WebhookTest, AJsonTypeIsOneInAnyCase) {
  EXPECT_TRUE(MakesJson(Parsed(With(R"("template":"{}","content_type":"Application/JSON")"))));
  EXPECT_FALSE(MakesJson(Parsed(With(R"("template":"x","content_type":"text/plain")"))));
}

TEST(WebhookTest, WhatIsStoredIsReadAgain) {
  for (const char* members :
       {R"("id":"a","type":"log","q":"A \"b\" \\","headers":{"Authorization":"Bearer x"})",
        R"("id":"b","template":"{\"text\":\"{{message}}\"}","signing":"v1a","handshake":true)",
        R"("id":"c","format":"otlp","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")"}) {
    const Webhook webhook = Parsed(With(members));
    EXPECT_EQ(Parsed(EncodeWebhookWithSecrets(webhook)), webhook) << members;
  }
}

TEST(WebhookTest, AnAnswerHasNoSecrets) {
  const Webhook webhook = Parsed(
      R"({"url":"https://example.org/hook?key=hidden","headers":{"Authorization":"Bearer hidden"},)"
      R"("secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})");
  EXPECT_THAT(EncodeWebhook(webhook), Not(HasSubstr("hidden")));
  EXPECT_THAT(EncodeWebhook(webhook), Not(HasSubstr("whsec")));
  EXPECT_THAT(EncodeWebhook(webhook), HasSubstr("Authorization"));
}

TEST(WebhookTest, FormatsThatFollowRunsAreSentWhatCanSaySomething) {
  EXPECT_THAT(Parsed(With(R"("format":"otlp")")).filter.types,
              ElementsAre("job_completed", "job_failed", "job_canceled"));
}

// --- Templates

constexpr const char* kLine =
    R"({"seq":7,"job_id":"render","job_seq":2,"type":"gate_pause","gate":"ship","level":"warning",)"
    R"("message":"a \"b\"\n<c>","payload":{"prompt":"Ship \u00e4?","a.b":1,"deep":{"x":[1,2]}}})";

std::string Rendered(const std::string& text, bool escapes_json = true) {
  return RenderTemplate(text, kLine, {"journal", "chat", "http://host:1"}, escapes_json);
}

TEST(WebhookTemplateTest, ValuesAreEscaped) {
  EXPECT_EQ(Rendered(R"({"text":"{{message}}"})"), R"({"text":"a \"b\"\n<c>"})");
  EXPECT_EQ(Rendered("{{message}}", false), "a \"b\"\n<c>");
  EXPECT_EQ(Rendered("{{seq}} {{ gate }} {{public_url}}/{{webhook_id}}/{{journal_id}}"),
            "7 ship http://host:1/chat/journal");
}

TEST(WebhookTemplateTest, PayloadsAndAlternatives) {
  EXPECT_EQ(Rendered("{{payload.prompt}}"), "Ship \xc3\xa4?");
  EXPECT_EQ(Rendered("{{payload.a.b}} {{payload.deep.x}}"), "1 [1,2]");
  EXPECT_EQ(Rendered("{{json payload.deep}} {{json stage}}"), R"({"x":[1,2]} null)");
  EXPECT_EQ(Rendered("{{stage|payload.none|'no | stage'}}"), "no | stage");
  EXPECT_EQ(Rendered("[{{stage}}]"), "[]");
}

TEST(WebhookTemplateTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(TemplateProblem(R"({"a":"{{message|'x'}}","b":{{json payload}},"c":{{seq}}})", true),
            std::nullopt);
  EXPECT_THAT(*TemplateProblem("{{mesage}}", false), HasSubstr("did you mean 'message'"));
  EXPECT_THAT(*TemplateProblem("{{message", false), HasSubstr("not closed"));
  EXPECT_THAT(*TemplateProblem(R"({"a":{{message}}})", true), HasSubstr("does not make JSON"));
}

}  // namespace
}  // namespace stagelog::webhook_test
