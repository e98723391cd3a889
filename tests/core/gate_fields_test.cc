#include "core/gate_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/json_value.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

// The field that is refused, and the code.
std::string RefusedField(const std::string& fields) {
  const auto refusal = CheckGateFields(ParseJson(fields));
  return refusal ? refusal->field + " " + refusal->code : "";
}

TEST(CheckGateFieldsTest, TakesEveryTypeWithItsBounds) {
  for (const char* fields :
       {R"([{"name":"a","type":"text"}])", R"([{"name":"a.b_c-1","type":"boolean"}])",
        R"([{"name":"a","type":"text","min":0,"max":16384,"label":"A?","required":true}])",
        R"([{"name":"a","type":"number","min":-1e15,"max":1e15}])",
        R"([{"name":"a","type":"number","min":2,"max":2.0}])",
        R"([{"name":"a","type":"choice","options":["x"],"label":null,"x-hint":{"b":1}}])"}) {
    EXPECT_EQ(RefusedField(fields), "") << fields;
  }
}

TEST(CheckGateFieldsTest, NamesWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"7", "payload.fields"},
      {"[]", "payload.fields"},
      {"[7]", "payload.fields[0]"},
      {R"([{"type":"text"}])", "payload.fields[0].name"},
      {R"([{"name":"1a","type":"text"}])", "payload.fields[0].name"},
      {R"([{"name":"a b","type":"text"}])", "payload.fields[0].name"},
      {R"([{"name":"a"}])", "payload.fields[0].type"},
      {R"([{"name":"a","type":"string"}])", "payload.fields[0].type"},
      {R"([{"name":"a","type":"text","label":""}])", "payload.fields[0].label"},
      {R"([{"name":"a","type":"text","required":1}])", "payload.fields[0].required"},
      {R"([{"name":"a","type":"text","options":["x"]}])", "payload.fields[0].options"},
      {R"([{"name":"a","type":"choice"}])", "payload.fields[0].options"},
      {R"([{"name":"a","type":"choice","options":[]}])", "payload.fields[0].options"},
      {R"([{"name":"a","type":"choice","options":["x",1]}])", "payload.fields[0].options"},
      {R"([{"name":"a","type":"boolean","min":1}])", "payload.fields[0].min"},
      {R"([{"name":"a","type":"text","min":1.5}])", "payload.fields[0].min"},
      {R"([{"name":"a","type":"text","max":-1}])", "payload.fields[0].max"},
      {R"([{"name":"a","type":"number","max":1e16}])", "payload.fields[0].max"},
      {R"([{"name":"a","type":"number","min":2,"max":1}])", "payload.fields[0].min"},
      {R"([{"name":"a","type":"text","required":true,"max":0}])", "payload.fields[0].max"},
      {R"([{"name":"a","type":"text"},{"name":"a","type":"text"}])", "payload.fields[1].name"}};
  for (const auto& [fields, field] : rows) {
    EXPECT_EQ(RefusedField(fields), field + " invalid_field") << fields;
  }
  EXPECT_EQ(RefusedField(R"([{"name":"a","type":"text","defualt":1}])"),
            "payload.fields[0].defualt unknown_key");
  std::string many = "[";
  for (int i = 0; i < 33; ++i) many += R"({"name":"a)" + std::to_string(i) + R"(","type":"text"},)";
  many.back() = ']';
  EXPECT_EQ(RefusedField(many), "payload.fields invalid_field");
}

TEST(EncodeGateFieldsTest, HasOneFormAndReadsBack) {
  const auto fields = ReadGateFields(
      ParseJson(R"([{"required":false,"max":10.0,"type":"number","name":"n","x-a":1,"label":null},)"
                R"({"type":"choice","options":["b","a"],"name":"c","required":true}])"));
  const std::string json = EncodeGateFields(fields);
  EXPECT_EQ(json, R"([{"name":"n","type":"number","max":10},)"
                  R"({"name":"c","type":"choice","required":true,"options":["b","a"]}])");
  EXPECT_EQ(EncodeGateFields(DecodeGateFields(json)), json);
  EXPECT_EQ(EncodeGateFields({}), "");
  EXPECT_TRUE(DecodeGateFields("").empty());
}

TEST(ReadGateFieldsTest, IsTotal) {
  for (const char* json : {"null", "7", R"("text")", "{}", "[]", "[1,null]", R"([{"name":"a"}])",
                           R"([{"name":7,"type":"text"}])"}) {
    EXPECT_TRUE(ReadGateFields(ParseJson(json)).empty()) << json;
  }
  const auto fields = ReadGateFields(ParseJson(
      R"([{"name":"a","type":"text"},7,{"name":"a","type":"number"},{"name":"b","type":"boolean"}])"));
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].type, FieldType::kText);
  EXPECT_EQ(fields[1].name, "b");
}

class AnswersTest : public testing::Test {
 protected:
  // Violation, code and field.
  std::string Problem(const std::string& answers, bool needs_all = false) const {
    const auto problem = CheckAnswers(fields_, answers, needs_all);
    if (!problem) return "";
    detail_ = problem->refusal.detail;
    return std::string(problem->violation) + " " + problem->refusal.code + " " +
           problem->refusal.field;
  }

  const std::vector<GateField> fields_ =
      ReadGateFields(ParseJson(R"([{"name":"text","type":"text","required":true,"min":2,"max":3},)"
                               R"({"name":"number","type":"number","min":0,"max":1.5},)"
                               R"({"name":"choice","type":"choice","options":["a","b"]},)"
                               R"({"name":"boolean","type":"boolean","required":true}])"));
  mutable std::string detail_;
};

TEST_F(AnswersTest, AreCheckedByTypeAndBounds) {
  for (const char* right : {"", "{}", R"({"text":"éé"})", R"({"number":1.5})", R"({"number":0})",
                            R"({"choice":"b"})", R"({"boolean":false})", R"({"choice":null})"}) {
    EXPECT_EQ(Problem(right), "") << right;
  }
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"({"text":7})", "text"},        {R"({"text":"a"})", "text"},
      {R"({"text":"abcd"})", "text"},   {R"({"number":"1"})", "number"},
      {R"({"number":-0.1})", "number"}, {R"({"number":1.6})", "number"},
      {R"({"choice":"c"})", "choice"},  {R"({"choice":0})", "choice"},
      {R"({"boolean":0})", "boolean"},  {R"({"boolean":"true"})", "boolean"}};
  for (const auto& [answers, field] : wrong) {
    EXPECT_EQ(Problem(answers), "answer_invalid invalid_field answers." + field) << answers;
    EXPECT_THAT(detail_, HasSubstr("'answers." + field + "' must be "));
  }
  EXPECT_EQ(Problem(R"({"choice":"a","choice":"b"})"),
            "answer_invalid duplicate_key answers.choice");
  EXPECT_EQ(Problem(R"({"chioce":"a"})"), "answer_invalid unknown_key answers.chioce");
  EXPECT_THAT(detail_, HasSubstr("did you mean 'choice'?"));
}

TEST_F(AnswersTest, AnApprovalNeedsThoseThatAreRequired) {
  EXPECT_EQ(Problem("", true), "answer_required answer_required answers.text");
  EXPECT_EQ(Problem(R"({"text":"  "})", true), "answer_required answer_required answers.text");
  EXPECT_EQ(Problem(R"({"text":"ab"})", true), "answer_required answer_required answers.boolean");
  EXPECT_EQ(Problem(R"({"text":"ab","boolean":false})", true), "");
}

TEST_F(AnswersTest, HaveOneForm) {
  EXPECT_EQ(NormalAnswers(fields_, R"({"boolean":true,"number":1.0,"text":"\u0061b","x":1})"),
            R"({"text":"ab","number":1,"boolean":true})");
  EXPECT_EQ(NormalAnswers(fields_, R"({"number":-0.0})"), R"({"number":0})");
  EXPECT_EQ(NormalAnswers(fields_, R"({"number":2,"choice":null})"), "");
  EXPECT_EQ(NormalAnswers({}, R"({"number":2})"), "");
  EXPECT_EQ(NormalAnswers(fields_, ""), "");
}

// What somebody answers stays within the bounds whatever it is: it becomes part of documents.
TEST_F(AnswersTest, ANumberBeyondADoubleIsNone) {
  EXPECT_EQ(Problem(R"({"number":1e400})"), "");  // the payload's own check refuses it
  EXPECT_EQ(NormalAnswers(fields_, R"({"number":1e400})"), "");
}

}  // namespace
}  // namespace stagelog
