"""Yahoo S5 as it is published."""

from pathlib import Path

import numpy as np
import pytest

from adt_gym.data.yahoo import yahoo
from adt_gym.series import InputError

A1 = "timestamp,value,is_anomaly\n1,10,0\n2,20.5,1\n3,30,0\n"
A2 = "timestamp,value,is_anomaly\n1416726000,10,0\n1416729600,-5,1\n"
A3 = (
    "timestamps,value,anomaly,changepoint,trend,noise,seasonality1,seasonality2,seasonality3\n"
    "1422237600,10,0,0,1,2,3,4,5\n1422241200,11,0,1,1,2,3,4,5\n1422244800,12,1,0,1,2,3,4,5\n"
)


def write(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        benchmark, file = name.split("__")
        (root / benchmark).mkdir(exist_ok=True)
        (root / benchmark / f"{file.replace('_TS', '-TS')}.csv").write_text(text)
    return root


def test_all_benchmarks_by_number_without_their_summaries(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        A4Benchmark__A4Benchmark_TS1=A3,
        A4Benchmark__A4Benchmark_all=A3,
        A3Benchmark__A3Benchmark_TS10=A3,
        A3Benchmark__A3Benchmark_TS9=A3,
        A3Benchmark__A3Benchmark_all=A3,
        A2Benchmark__synthetic_3=A2,
        A1Benchmark__real_10=A1,
        A1Benchmark__real_2=A1,
        A1Benchmark__real_all=A1,
        A1Benchmark__notes=A1,
    )
    (root / "A3Benchmark" / "A3Benchmark-TS_all.csv").write_text(A3)
    names = ["real_2", "real_10", "synthetic_3", "A3Benchmark-TS9", "A3Benchmark-TS10", "A4Benchmark-TS1"]
    assert [one.name for one in yahoo(root)] == names
    assert [one.name for one in yahoo(root / "A1Benchmark")] == ["real_2", "real_10"]
    assert [one.name for one in yahoo(root, benchmark="A1")] == ["real_2", "real_10"]
    assert [one.name for one in yahoo(root, benchmark="A4")] == ["A4Benchmark-TS1"]
    with pytest.raises(FileNotFoundError, match="no real_N"):
        yahoo(root / "A2Benchmark", benchmark="A1")
    with pytest.raises(InputError, match="benchmark must be one of A1, A2, A3, A4, got 'real'"):
        yahoo(root, benchmark="real")


def test_a1_counts_hours_a2_and_a3_have_times_and_outliers_are_the_labels(tmp_path: Path) -> None:
    root = write(tmp_path, A1Benchmark__real_1=A1, A2Benchmark__synthetic_1=A2, A3Benchmark__A3Benchmark_TS1=A3)
    a1, a2, a3 = yahoo(root)
    assert a1.values.tolist() == [[10], [20.5], [30]]
    assert a1.labels.tolist() == [False, True, False]
    assert a1.index is None
    assert a2.index[0] == np.datetime64("2014-11-23T07:00:00")
    assert a2.values.tolist() == [[10], [-5]]
    assert a3.columns == ("value",)
    assert a3.labels.tolist() == [False, False, True]
    assert a3.index[0] == np.datetime64("2015-01-26T02:00:00")


def test_rows_are_sorted_by_their_timestamp(tmp_path: Path) -> None:
    text = "timestamp,value,is_anomaly\n1,10,0\n10,100,1\n2,20,0\n"
    with pytest.warns(UserWarning, match="1 in series 'real_1'"):
        (series,) = yahoo(write(tmp_path, A1Benchmark__real_1=text))
    assert series.values[:, 0].tolist() == [10, 20, 100]
    assert series.labels.tolist() == [False, False, True]


def test_gaps(tmp_path: Path) -> None:
    root = write(tmp_path, A1Benchmark__real_1=A1.replace("20.5", ""))
    with pytest.raises(InputError, match=r"column 'value', row 1: nan.*max_gap=0"):
        yahoo(root)
    with pytest.warns(UserWarning, match="1 in series 'real_1'") as caught:
        assert yahoo(root, max_gap=1)[0].values[:, 0].tolist() == [10, 10, 30]
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (A1.replace(",", ";"), "delimiter=';'"),
        (A1.replace("is_anomaly", "flag"), "no column 'is_anomaly'"),
        (A1.replace("20.5,1", "20.5,2"), "column 'is_anomaly', row 1: 2 is no label"),
        (A1 + ",,\n", "column 'timestamp', row 3: an empty cell is not a time"),
        (A1.replace("\n2,", "\nnoon,"), "column 'timestamp', row 1: 'noon' is not a time"),
        (A1.replace("20.5", "x"), "column 'value', row 1: 'x' is not a number"),
        ("", "is empty"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        yahoo(write(tmp_path, A1Benchmark__real_1=text))
    assert words in str(error.value)
    assert "real_1.csv" in str(error.value)


def test_mixed_encodings(tmp_path: Path) -> None:
    root = write(tmp_path, A1Benchmark__real_1=A1)
    (root / "A1Benchmark" / "real_1.csv").write_bytes(A1.encode() + "4,1°,0\n".encode("latin1"))
    with pytest.raises(InputError, match="UTF-8"):
        yahoo(root)


def test_a_folder_that_is_missing_or_empty_says_where_to_get_the_data(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="on request at https://webscope"):
            yahoo(root)
