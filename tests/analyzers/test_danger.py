"""The shipped danger rules on invented sentences: each danger beside a look-alike of its own."""

import pytest

from analyzers.keywords import RuleBook, RuleMatch
from analyzers.reading import read
from analyzers.rule_syntax import parse_rules, quoted_words
from analyzers.segment import Segmenter
from tests.analyzers.rules import shipped

GROUPS = parse_rules(shipped().danger)
SEGMENTER = Segmenter(words=quoted_words(GROUPS))
BOOK = RuleBook([GROUPS])
HINT = "疑似·"

PAIRS = (
    # Food and drink
    ("食堂的鸡块一股怪味,我们班八个人拉肚子,三个去挂水了", "食堂的鸡块今天特别香,打了两份"),
    ("孩子和班上多名学生吃了配餐后腹泻呕吐,学校不管", "请问配餐公司有没有资质,怎么公示"),
    ("散会后才知道,喝的水桶里泡过死老鼠,七个娃在洗胃", "水桶三个月没换,看着就不想喝"),
    # Illness in numbers
    ("中班查出七个手足口,园里不让往外说", "手足口高发季节,注意让孩子洗手"),
    ("有同学得了肺结核还在上课,已经传染了好几个", "学校请疾控来讲肺结核怎么预防"),
    ("新宿舍味道刺鼻,不少学生流鼻血、头晕", "新宿舍晾了半年,检测合格才让住"),
    ("附近冶炼厂排污,村里孩子血铅超标", "请问孩子体检查不查血铅"),
    # Injury
    ("从单杠上掉下来,胳膊断了,校医室没人", "体育课练单杠,手上磨了个茧"),
    ("额头磕在暖气片上,缝了六针", "老师给布娃娃的玩具手术缝了六针,娃乐坏了"),
    ("午睡从上铺跌落,锁骨断裂,校方不闻不问", "上铺的栏杆太矮,能不能加高一点"),
    ("篮球架突然倒下,砸中一名学生", "篮球架太旧了,投篮老晃"),
    ("右转的货车没看见,把娃连车卷进车底下", "校门口货车太多,建议早晚禁行"),
    ("校车翻进路边的沟里,车上二十多个娃", "校车线路怎么报名,几点发车"),
    ("实习生的手被机器绞断了两根指头", "实习工厂的伙食还行,机器有点吵"),
    # Violence
    ("五个人围着一个,堵在厕所里踹,还录像", "五个人围着老师问题目,堵得走不开"),
    ("班主任用棍子打我孩子,手心肿得握不住笔", "班主任用尺子量身高,排座位"),
    ("老师拿胶带封住小孩的嘴,撕下来一块皮", "老师用胶带把奖状贴在墙上"),
    ("有人提着刀往校门里冲,保安被砍伤", "防暴演练,有人提着刀往校门里冲,保安很快按住"),
    ("开发商派人殴打业主,老人被打伤", "开发商迟迟不交房,业主很着急"),
    # Self-harm
    ("女儿说不想活了,手腕上有好几道划痕", "作业写到十二点,写得我不想活了哈哈"),
    ("有个女生坐在天台边上,老师在劝", "天台上的晚霞太好看了"),
    ("舍友留了张条说对不起爸妈,手机关机,找不到人", "舍友留了张条说去图书馆了"),
    ("有人把一整板药吃了,怎么推都推不醒", "开学体检,每人发一板钙片"),
    ("高二一个男生坠楼,几个群都在问", "楼市跳水,房价坠楼式下跌与我无关"),
    # Buildings, fire, current, water
    ("教学楼墙体严重开裂,随时会倒塌,学生还在里面上课", "墙皮有点旧,建议暑假粉刷"),
    ("宿舍电线裸露漏电,已经有同学被电到", "宿舍的插座不够用,能不能多装两个"),
    ("女生楼起火,四楼窗口有人喊救命", "消防演练,女生楼放烟饼,大家捂着鼻子跑"),
    ("电梯一下坠落四层,里面困着学生", "电梯老是等半天,早高峰挤不上去"),
    ("两个孩子掉进水库,一个没上来", "防溺水的告知书发下来了,家长签个字"),
    ("踹开门四个人叫不醒,屋里一股煤气味", "踹开门四个人睡得正香,昨晚看球去了"),
    ("塔吊的钢筋从小学操场头顶晃过去,孩子在下面做操", "塔吊晚上施工太吵,睡不着"),
    # Missing and dead
    ("孩子昨晚没回家,到现在联系不上", "孩子说作业没带回家,放学校了"),
    ("我父亲在工地摔下来,至今昏迷不醒", "我父亲在工地干了十年,工资没拿到"),
    # As letters to offices put it
    ("小区业委会一名成员昨天被打,至今没人来查", "申请材料被打回来三次,到底缺什么"),
    ("保安把接孩子的家长打伤,住院一周", "病人出院一个月了,住院看病的押金还没退"),
    ("上游冶炼厂开工以后,村里得肺病的越来越多", "请问住在基站旁边,有没有得癌的风险"),
    ("食堂后厨起火,学生正往外跑", "电动车棚起火的新闻看得多了,建议我们小区装喷淋"),
    ("教学楼外墙今早坍塌,两个学生被埋", "连日大雨,村口河堤垮塌三十米,请尽快修复"),
    ("烧垃圾的烟飘进教室,好几个孩子头晕呕吐", "烧烤摊散了,路边满是呕吐物,气味难闻,孩子绕着走"),
    ("孩子喝了奶抽搐,送到医院抢救", "园林部门正在抢救学校门口冻坏的花草"),
    ("女儿小腿被狗咬伤,狗主人不认", "遛狗不拴绳的太多,走路心慌"),
    ("儿子被绑在树上殴打,打人的是几个大孩子", "路边的树木被砍光了,谁批准的"),
    ("老树倒下,砸死一名环卫工人", "老树生了虫,快枯死了"),
    (
        "楼下天天放露天电影,其实是物业办的,大家都去看电影;昨晚去劝,父亲遭殴打,肋骨骨折",
        "楼下天天放露天电影,昨晚看电影里有人遭殴打,孩子不敢睡",
    ),
)

VOID = (
    "去年摔断过腿,现在跑得比谁都快",
    "幸好发现得早,没有人受伤",
    "一旦发生火灾,后果谁来负责",
    "为防止学生溺水,请家长签收承诺书",
    "差点被车撞到,吓死我了",
    "网传学生坠楼一事纯属编造,请勿再传",
    "昨晚梦见从楼上摔下来,醒了一身汗",
    "这部电视剧里女主又吐血又住院,看剧看哭了",
    "这数学卷子做得我当场去世,累死了",
    "当地警方通报,说学生被砍伤是谣言",
    "医保报销住院费要带什么材料",
    "申请农村危房改造补助,一直没有回音",
    "护栏太矮,小孩极易从上面摔伤",
    "没有斑马线,过马路的学生就会被撞伤",
    "我们农民工流血流汗,工钱一分没有",
    "鱼塘被污染,鱼虾一夜之间全部死亡,请查老板",
    "邻居把我门前的树砍了,派出所说被砍的树不值钱",
)


def found(text: str) -> RuleMatch | None:
    return BOOK.match(read("", text, SEGMENTER))[0]


def decided(text: str) -> bool:
    """As the tagger decides without a model."""
    match = found(text)
    return match is not None and match.score >= 1


@pytest.mark.parametrize(("danger", "alike"), PAIRS)
def test_danger_is_told_from_what_looks_like_it(danger: str, alike: str) -> None:
    assert (decided(danger), decided(alike)) == (True, False)


@pytest.mark.parametrize("text", VOID)
def test_past_averted_feared_and_played_danger_is_none(text: str) -> None:
    assert not decided(text)


def test_groups_have_names_of_their_own() -> None:
    names = [group.name for group in GROUPS]
    assert all(names)
    assert len(set(names)) == len(names)


def test_hints_alone_never_decide() -> None:
    hints = [group for group in GROUPS if group.name.startswith(HINT)]
    assert len(hints) >= 10
    assert {term.weight for group in hints for term in group.plain} == {0.1}
    match = found("学校附近隐患很大,孩子过马路危险,车速快,希望重视学生的生命安全,别出车祸")
    assert match is not None
    assert 0 < match.score < 1
