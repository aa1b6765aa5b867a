use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use store::StoreError as E;
use store::{AuditFilter, KeySpec, Page, Role};

pub async fn keys_open_and_end(f: Fixture) {
    let admin = actor("admin");
    let spec = KeySpec {
        title: "till 7".into(),
        role: Role::Node,
        nodes: vec![NodeId("a".into())],
        expires: Some(at(100)),
    };
    let no_nodes = KeySpec { nodes: Vec::new(), ..spec.clone() };
    refused!(f.store.create_key(&no_nodes, &admin, at(1)).await, E::Invalid { .. });
    let reader = KeySpec { role: Role::Reader, ..spec.clone() };
    refused!(f.store.create_key(&reader, &admin, at(1)).await, E::Invalid { .. });

    let (key, secret) = f.store.create_key(&spec, &admin, at(1)).await.unwrap();
    let text = secret.expose().to_owned();
    assert!(!format!("{secret:?} {key:?}").contains(&text[20..]));
    let who = f.store.authenticate(&text, at(2)).await.unwrap().unwrap();
    assert_eq!((who.role, &who.nodes), (Role::Node, &spec.nodes));
    assert_eq!(who.actor.as_str(), format!("key:{}", key.id));
    assert_eq!(f.store.authenticate(&text, at(100)).await.unwrap(), None, "expired");
    let mut wrong = text.clone();
    wrong.pop();
    for wrong in [
        "",
        "tp",
        "tp_",
        "tp__",
        "tp_0000000000000000_x",
        "x' OR 1=1 --",
        wrong.as_str(),
        &format!("{text}x"),
    ] {
        assert_eq!(f.store.authenticate(wrong, at(2)).await.unwrap(), None, "{wrong}");
    }

    let (next, next_secret) = f.store.rotate_key(&key.id, 10, &admin, at(5)).await.unwrap();
    assert!(f.store.authenticate(&text, at(14)).await.unwrap().is_some(), "goes on for a while");
    assert_eq!(f.store.authenticate(&text, at(15)).await.unwrap(), None);
    assert!(f.store.authenticate(next_secret.expose(), at(15)).await.unwrap().is_some());
    refused!(f.store.rotate_key(&key.id, 10, &admin, at(6)).await, E::Precondition { .. });

    f.store.revoke_key(&next.id, &admin, at(20)).await.unwrap();
    assert_eq!(f.store.authenticate(next_secret.expose(), at(20)).await.unwrap(), None);
    refused!(f.store.revoke_key("none", &admin, at(20)).await, E::NotFound { .. });
    let listed = f.store.keys(&Page::first(10)).await.unwrap().items;
    let old = listed.iter().find(|listed| listed.id == key.id).unwrap();
    assert_eq!((listed.len(), &old.successor), (2, &Some(next.id)));
    let audited = f.store.audit_events(&AuditFilter::default(), &Page::first(10)).await.unwrap().items;
    assert_eq!(audited.len(), 3);
    assert!(!format!("{audited:?}").contains(&text[20..]));
}

pub async fn users_prove_themselves(f: Fixture) {
    let admin = actor("admin");
    let (good, other) = ("correct horse battery", "another good password");
    refused!(f.store.create_user("ann", Role::Steward, "short", &admin, at(1)).await, E::Invalid { .. });
    refused!(f.store.create_user("", Role::Steward, good, &admin, at(1)).await, E::Invalid { .. });
    let ann = f.store.create_user("ann", Role::Steward, good, &admin, at(1)).await.unwrap();
    refused!(f.store.create_user("ann", Role::Admin, good, &admin, at(1)).await, E::AlreadyExists { .. });
    assert_eq!(f.store.check_password("ann", good).await.unwrap(), Some(ann.clone()));
    assert_eq!(ann.actor().as_str(), "user:ann");
    for (name, password) in [("ann", other), ("ann", ""), ("bob", good), ("Ann", good)] {
        assert_eq!(f.store.check_password(name, password).await.unwrap(), None, "{name}");
    }
    f.store.set_password("ann", other, &admin, at(2)).await.unwrap();
    assert_eq!(f.store.check_password("ann", good).await.unwrap(), None);
    f.store.set_user_role("ann", Role::Approver, &admin, at(3)).await.unwrap();
    assert_eq!(f.store.check_password("ann", other).await.unwrap().unwrap().role, Role::Approver);
    f.store.disable_user("ann", &admin, at(4)).await.unwrap();
    assert_eq!(f.store.check_password("ann", other).await.unwrap(), None);
    f.store.enable_user("ann", &admin, at(5)).await.unwrap();
    assert!(f.store.check_password("ann", other).await.unwrap().is_some());
    refused!(f.store.set_password("bob", other, &admin, at(6)).await, E::NotFound { .. });
    assert_eq!(f.store.users().await.unwrap().len(), 1);
    assert_eq!(f.store.user("ann").await.unwrap().unwrap().disabled, None);
}

pub async fn sessions_are_kept_until_they_end(f: Fixture) {
    let (one, two, three) = ([1; 32], [2; 32], [3; 32]);
    f.store.begin_session(&one, "ann", "t1", at(10), at(0)).await.unwrap();
    f.store.begin_session(&two, "ann", "t2", at(11), at(0)).await.unwrap();
    f.store.begin_session(&three, "bob", "t3", at(12), at(0)).await.unwrap();
    let again = f.another().await;
    let found = again.session(&one, at(0)).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.form_token.as_str(), found.used), ("ann", "t1", at(10)));
    assert_eq!(again.session(&one, at(11)).await.unwrap(), None, "not used for too long");
    f.store.touch_session(&one, at(20)).await.unwrap();
    assert!(again.session(&one, at(11)).await.unwrap().is_some());
    f.store.end_session(&one).await.unwrap();
    assert_eq!(again.session(&one, at(0)).await.unwrap(), None);
    f.store.end_sessions_of("ann").await.unwrap();
    assert_eq!(again.session(&two, at(0)).await.unwrap(), None);
    assert!(again.session(&three, at(0)).await.unwrap().is_some(), "bob's own");
    f.store.begin_session(&one, "cy", "t4", at(99), at(50)).await.unwrap();
    assert_eq!(again.session(&three, at(0)).await.unwrap(), None, "forgotten");
}
